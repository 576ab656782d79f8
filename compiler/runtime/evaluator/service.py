"""The evaluator's parts, put together from its plan; and what its two HTTP applications ask of
them.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .backend import Backend
from .bodies import Wanted
from .candidates import CandidateStore, MachineryFailure, open_store
from .dataset import DatasetError, Sample, read_samples
from .engine import Engine
from .export import EXPORT_SECONDS, Sources, export_session
from .finalise import Finaliser
from .health import STOPPING, Health, Watch
from .ledger import Ledger, open_ledger
from .mode_a import ModeA
from .mode_b import ModeB
from .offload import Lane
from .plan import Access, PlanA, PlanB
from .records import (
    Job,
    LedgerUnusable,
    Order,
    Purpose,
    Received,
    Refused,
    State,
    Submission,
    Subset,
)
from .results import Results
from .runner_client import RunnerClient
from .subset import check_choice, check_size, choose_named, draw, whole

_RECHECK_SECONDS = 5.0
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

    def __init__(self, plan: PlanA | PlanB) -> None:
        self.plan = plan
        self.health = Health()
        self.stopping = False
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
        self._backend = _backend(self.plan, store)
        engine = Engine(self.plan, self._backend, samples, ledger, results, self.books, self._disk)
        return Parts(
            store=store,
            ledger=ledger,
            results=results,
            samples=samples,
            engine=engine,
            finaliser=Finaliser(
                self.plan,
                engine,
                ledger,
                self.books,
                samples,
                lambda document: self.export(document, None),
            ),
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
        self.stopping = True
        self.health.set("stop", STOPPING)
        if self._parts is not None:
            self._parts.engine.news.close()
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

    async def evaluate(self, wanted: Wanted) -> Job:
        """A queued and paid evaluation, or one that repeats a recorded result and is done. A split
        that shows nothing is refused before anything is written.
        """
        split = self.plan.split(wanted.split)
        if split is None:
            raise Refused("unknown_split", "there is no such split")
        if split.access is Access.NO_ACCESS:
            raise Refused("no_access", "this split cannot be evaluated")
        if not wanted.whole:
            check_choice(split)
        self._refuse_unhealthy()
        subset = await self._disk(_resolve, wanted, self.parts().samples[split.name])
        check_size(self.plan, split, subset)
        self._refuse_draining()
        order = Order(split=split.name, commit=wanted.commit, subset=subset)
        return await self.parts().engine.submit(order)

    async def submit(self, commit: str) -> Submission:
        """Records the commit that is to be judged."""
        if not self.plan.submit_enabled:
            raise Refused("submit_disabled", "this task chooses by itself: nothing is submitted")
        self._refuse_draining()
        return await self.books(self.parts().ledger.submit, commit)

    async def cancel(self, identifier: int) -> Job:
        """Ends a job: one that never ran is paid back, one that runs is not."""
        self._refuse_draining()
        return await self.parts().engine.cancel(identifier)

    async def receive(self, bundle: Path) -> Received:
        """Takes a spooled bundle; raises `CandidateRefused`, `Refused` or `MachineryFailure`."""
        parts = self.parts()
        self._refuse_draining()
        if await self.books(parts.ledger.sealed_at) is not None:
            raise Refused("sealed", "the session is over: nothing more is received or evaluated")
        candidate = await self._git(parts.store.receive, bundle)
        return await self.books(parts.ledger.register, candidate.commit, candidate.tree)

    async def job(self, identifier: int, wait: float) -> tuple[Job, Access, bytes]:
        """As `shown`, of a requested job when it has ended, or after `wait` seconds."""
        news = self.parts().engine.news
        deadline = time.monotonic() + wait
        while True:
            ticket = news.ticket()
            job = await self._requested(identifier)
            left = min(deadline - time.monotonic(), _RECHECK_SECONDS)
            if job.finished is not None or not await news.wait(ticket, left):
                return await self.shown(job)

    async def shown(self, job: Job) -> tuple[Job, Access, bytes]:
        """A job with its split's tier, and its per-sample documents (members of a JSON array).

        Who is told that a job is done finds its results: they appear before the answer does.
        """
        split = self.plan.split(job.split)
        access = Access.NO_ACCESS if split is None else split.access
        details = b""
        if job.state is State.DONE:
            await self._disk(self.parts().results.publish, job.id)
        if job.state is State.DONE and access is Access.VIEWABLE:
            details = await self._disk(self.parts().results.details, job.id)
        return job, access, details

    async def results(self, before: int, most: int) -> list[tuple[Job, Access]]:
        """The latest jobs with a result below an id."""
        jobs = await self.books(self.parts().ledger.recent, State.DONE, before, most)
        tiers = {split.name: split.access for split in self.plan.splits}
        return [(job, tiers.get(job.split, Access.NO_ACCESS)) for job in jobs]

    async def result(self, identifier: int) -> tuple[Job, Access, bytes]:
        job = await self._requested(identifier)
        if job.state is not State.DONE:
            raise Refused("no_result", f"the job is {job.state.value}: it has no result")
        return await self.shown(job)

    async def finalization(self) -> str | None:
        return await self.books(self.parts().ledger.document)

    async def export(self, document: str | None, problem: str | None) -> Mapping[str, str | None]:
        """Writes the session's archive; gives what is to be said of it, and raises nothing."""
        parts = self._parts
        sources = Sources(
            plan=self.plan,
            ledger=parts.ledger if parts else None,
            store=parts.store if parts else None,
        )
        try:
            async with asyncio.timeout(EXPORT_SECONDS + 10):
                return await asyncio.to_thread(export_session, sources, document, problem)
        except Exception as error:
            _log.exception("the session cannot be exported")
            return {"file": None, "problem": f"{type(error).__name__}: {error}"[:500]}

    async def _requested(self, identifier: int) -> Job:
        job = await self.books(self.parts().ledger.job, identifier)
        if job is None or job.purpose is not Purpose.REQUESTED:
            raise Refused("unknown_job", "there is no such job")
        return job

    def _refuse_draining(self) -> None:
        if self.parts().finaliser.draining:
            raise Refused("draining", "the session is being closed")

    def _refuse_unhealthy(self) -> None:
        if not self.health.ok():
            raise Refused(
                "unhealthy", f"the evaluator has a problem with: {', '.join(self.health.parts())}"
            )


def _resolve(wanted: Wanted, samples: Sequence[Sample]) -> Subset:
    if wanted.samples is not None:
        return choose_named(samples, wanted.samples)
    if wanted.number is not None:
        return draw(samples, wanted.number, wanted.seed)
    return whole(samples)


def _backend(plan: PlanA | PlanB, store: CandidateStore) -> Backend:
    runner = RunnerClient(plan)
    return ModeA(plan, store, runner) if isinstance(plan, PlanA) else ModeB(plan, store, runner)


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
