"""The queue: one evaluation at a time, in the order of their jobs, each one to a recorded end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

from .backend import Backend
from .dataset import Sample
from .disclosure import disclose
from .ledger import Ledger
from .offload import Lane
from .outcomes import INVALID, Lost, Outcome, Summary, summarise
from .plan import Access, Plan
from .records import Job, LedgerUnusable, Purpose, Received
from .results import Results

_BROKE = "the evaluator itself failed on this evaluation"
_SEALED = "the session was closed while this evaluation ran"
_log = logging.getLogger("mooring.evaluator")


class Engine:
    """Runs jobs. `disk` and `books` are the lanes on which results and the ledger are touched."""

    def __init__(
        self,
        plan: Plan,
        backend: Backend,
        samples: Mapping[str, Sequence[Sample]],
        ledger: Ledger,
        results: Results,
        books: Lane,
        disk: Lane,
    ) -> None:
        self._plan = plan
        self._backend = backend
        self._samples = samples
        self._ledger = ledger
        self._results = results
        self._books = books
        self._disk = disk
        self._wake = asyncio.Event()
        self._starting = (
            asyncio.Lock()
        )  # held while a job is running in the ledger and not yet here
        self._loop: asyncio.Task[None] | None = None
        self._current: tuple[Job, asyncio.Task[None]] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run())

    async def submit(self, split: str, commit: str) -> Job:
        """A new job, paid for; raises `Refused`."""
        job = await self._books(self._ledger.reserve, split, commit)
        self._wake.set()
        return job

    async def drain(self, seconds: float) -> None:
        """After the seal: lets a running evaluation on the selection split end, cancels any other,
        and stops.
        """
        async with self._starting:
            current = self._current
        if current is not None:
            job, task = current
            if job.split == self._plan.selection.split:
                await asyncio.wait({task}, timeout=seconds)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
                with contextlib.suppress(ValueError):  # it had ended after all
                    await self._books(self._ledger.cancel, job.id, _SEALED)
        await self.stop()

    async def stop(self) -> None:
        """Stops at once; what ran stays recorded as running: the next start queues it again."""
        for task in (self._loop, self._current[1] if self._current else None):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    async def measure(self, purpose: Purpose, split: str, candidate: Received) -> Job:
        """One unmetered evaluation for finalising, to its end; nothing of it is disclosed."""
        job = await self._books(self._ledger.enter, purpose, split, candidate)
        summary, _ = await self._evaluate(job)
        if summary is None or summary.score is None:
            return await self._books(
                self._ledger.invalidate, job.id, INVALID if summary else _BROKE, summary
            )
        return await self._books(self._ledger.complete, job.id, summary)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                task = await self._start_next()
            except LedgerUnusable:
                _log.exception("the queue waits for the ledger")
                await asyncio.sleep(1.0)
                continue
            if task is None:
                await self._wake.wait()
            else:
                await asyncio.wait({task})
                self._current = None

    async def _start_next(self) -> asyncio.Task[None] | None:
        async with self._starting:
            job = await self._books(self._ledger.start_next)
            if job is None:
                return None
            task = asyncio.create_task(self._execute(job))
            self._current = (job, task)
            return task

    async def _execute(self, job: Job) -> None:
        """Takes a metered job to its end. What goes wrong here is never the candidate's failure."""
        try:
            summary, outcomes = await self._evaluate(job)
            if summary is None or summary.score is None:
                await self._books(
                    self._ledger.invalidate, job.id, INVALID if summary else _BROKE, summary
                )
            else:
                await self._record(job, summary, outcomes)
        except LedgerUnusable:
            _log.exception("job %d ended, and the ledger does not take it", job.id)

    async def _evaluate(self, job: Job) -> tuple[Summary | None, tuple[Outcome, ...]]:
        """Summary and outcomes; no summary when the backend broke instead of answering."""
        try:
            outcomes = await self._backend.evaluate(job.tree, self._samples[job.split])
        except Exception:
            _log.exception("job %d: the backend failed", job.id)
            return None, ()
        causes = {outcome.cause for outcome in outcomes if isinstance(outcome, Lost)}
        if causes:
            _log.warning("job %d: samples lost: %s", job.id, "; ".join(sorted(causes))[:2000])
        return summarise(outcomes, self._plan.failure_value), outcomes

    async def _record(self, job: Job, summary: Summary, outcomes: tuple[Outcome, ...]) -> None:
        """Stages the results, records the job, shows the results: see `results` for the order."""
        split = self._plan.split(job.split)
        access = Access.NO_ACCESS if split is None else split.access
        samples, failure_value = self._samples[job.split], self._plan.failure_value
        try:
            shown = await self._disk(
                disclose, access, job, summary, samples, outcomes, failure_value
            )
            if shown is not None:
                await self._disk(self._results.stage, job.id, shown)
        except Exception:
            _log.exception("job %d: its results cannot be written", job.id)
            await self._disk(self._results.discard, job.id)
            await self._books(self._ledger.invalidate, job.id, _BROKE)
            return
        await self._books(self._ledger.complete, job.id, summary)
        try:
            await self._disk(self._results.publish, job.id)
        except OSError:
            _log.exception("job %d: its results appear after the next start", job.id)
