"""The evaluator's parts, put together from its plan; and what its two HTTP applications ask of
them.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .backend import Backend
from .candidates import CandidateStore, MachineryFailure, open_store
from .dataset import DatasetError, Sample, read_samples
from .engine import Engine
from .finalise import Finaliser
from .health import Health, Watch
from .ledger import Ledger, open_ledger
from .mode_a import ModeA
from .offload import Lane
from .plan import Access, Plan
from .records import Job, LedgerUnusable, Received, Refused, State
from .results import Results
from .runner_client import RunnerClient

_log = logging.getLogger("mooring.evaluator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Had whole or not at all: when one is missing, there is no service but `/health`."""

    store: CandidateStore
    ledger: Ledger
    results: Results
    samples: Mapping[str, Sequence[Sample]]
    engine: Engine
    finaliser: Finaliser
    watch: Watch


class Service:
    """Lives in one event loop from `start` to `stop`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.health = Health()
        self.books = Lane("ledger", 1)
        self._disk = Lane("disk", 2)
        self._git = Lane("git", 4)
        self._parts: Parts | None = None
        self._backend: Backend | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def spool(self) -> Path:
        return self.plan.paths.admin / "spool"

    def parts(self) -> Parts:
        if self._parts is None:
            raise Refused("unhealthy", "the evaluator could not start")
        return self._parts

    async def start(self) -> None:
        """Opens what is on disk; what cannot be opened is a problem, not an exception."""
        try:
            await self._disk(_make_folder, self.plan.paths.admin)
            ledger = await self.books(open_ledger, self.plan)
            samples = await self._disk(read_samples, self.plan)
            store = await self._disk(open_store, self.plan, self.plan.paths.admin / "candidates")
            await self._disk(self._clear_spool)
            self._parts = await self._assemble(ledger, samples, store)
        except (LedgerUnusable, DatasetError, MachineryFailure, OSError) as error:
            self.health.set(_part_of(error), str(error))
            self.health.started()
            return
        self._parts.engine.start()
        self._tasks = [asyncio.create_task(self._parts.watch.run())]
        self._tasks.append(asyncio.create_task(self._resume()))

    async def _assemble(
        self, ledger: Ledger, samples: Mapping[str, Sequence[Sample]], store: CandidateStore
    ) -> Parts:
        results = Results(self.plan.paths.results)
        await self._disk(results.open)
        await self.books(ledger.recover)
        await self.books(results.recover, lambda job: _is_done(ledger, job))
        self._backend = ModeA(self.plan, store, RunnerClient(self.plan))
        engine = Engine(self.plan, self._backend, samples, ledger, results, self.books, self._disk)
        return Parts(
            store=store,
            ledger=ledger,
            results=results,
            samples=samples,
            engine=engine,
            finaliser=Finaliser(self.plan, engine, ledger, self.books),
            watch=Watch(self.plan, self.health, self._backend, ledger, self.books),
        )

    async def _resume(self) -> None:
        """Goes on with finalising when the evaluator ended in the middle of it."""
        try:
            if await self.books(self.parts().ledger.sealed_at) is not None:
                await self.parts().finaliser.finalise()
        except Exception:
            _log.exception("finalising could not be resumed; the next request for it tries again")

    async def stop(self) -> None:
        """Ends everything in order; what was running is taken up again at the next start."""
        if self._parts is not None:
            await self._parts.finaliser.stop()
            await self._parts.engine.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._backend is not None:
            await self._backend.close()
        for lane in (self._git, self._disk, self.books):
            await asyncio.to_thread(lane.close)
        if self._parts is not None:
            self._parts.ledger.close()

    def _clear_spool(self) -> None:
        shutil.rmtree(self.spool, ignore_errors=True)
        self.spool.mkdir(mode=0o700)

    # What the applications ask

    async def submit(self, split_name: str, commit: str) -> Job:
        """A queued and paid evaluation. A split that shows nothing is refused before anything is
        written.
        """
        split = self.plan.split(split_name)
        if split is None:
            raise Refused("unknown_split", "there is no such split")
        if split.access is Access.NO_ACCESS:
            raise Refused("no_access", "this split cannot be evaluated")
        self._refuse_unhealthy()
        return await self.parts().engine.submit(split.name, commit)

    async def receive(self, bundle: Path) -> Received:
        """Takes a spooled bundle; raises `CandidateRefused`, `Refused` or `MachineryFailure`."""
        parts = self.parts()
        if await self.books(parts.ledger.sealed_at) is not None:
            raise Refused("sealed", "the session is over: nothing more is received or evaluated")
        candidate = await self._git(parts.store.receive, bundle)
        return await self.books(parts.ledger.register, candidate.commit, candidate.tree)

    async def job(self, identifier: int) -> tuple[Job, Access, bytes]:
        """A requested job, its split's tier, and its per-sample documents (members of a JSON
        array).
        """
        parts = self.parts()
        job = await self.books(parts.ledger.job, identifier)
        split = None if job is None else self.plan.split(job.split)
        if job is None or split is None or job.purpose.value != "requested":
            raise Refused("unknown_job", "there is no such job")
        details = b""
        if job.state is State.DONE and split.access is Access.VIEWABLE:
            details = await self._disk(parts.results.details, job.id)
        return job, split.access, details

    async def finalization(self) -> str | None:
        return await self.books(self.parts().ledger.document)

    def _refuse_unhealthy(self) -> None:
        if not self.health.ok():
            raise Refused(
                "unhealthy", f"the evaluator has a problem with: {', '.join(self.health.parts())}"
            )


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _is_done(ledger: Ledger, job: int) -> bool:
    found = ledger.job(job)
    return found is not None and found.state is State.DONE


def _part_of(error: Exception) -> str:
    if isinstance(error, LedgerUnusable):
        return "ledger"
    if isinstance(error, MachineryFailure):
        return "candidates"
    return "dataset" if isinstance(error, DatasetError) else "state"
