"""The queue: one evaluation at a time, in the order of their jobs, each one to a recorded end.

How long a candidate took says something about the samples that it saw. So the end of an evaluation
whose samples are not shown becomes visible, in the ledger, in the results and by the start of the
next, only on a grid of `GRID_SECONDS` after its beginning. The residual: which tick it is, and what
the machine's load tells those who share it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from .backend import Backend
from .dataset import Sample
from .disclosure import disclose, repeat
from .ledger import Ledger
from .news import News
from .offload import Lane
from .outcomes import INVALID, Lost, Outcome, Summary, summarise
from .plan import Access, Plan
from .records import Job, LedgerUnusable, Order, Purpose, Received, Subset
from .results import Results
from .subset import pick

GRID_SECONDS = 1.0
LEDGER_PAUSE = 1.0
# How long an evaluation that has its outcomes may take to write them down when the session closes.
RECORD_SECONDS = 20.0
_BROKE = "the evaluator itself failed on this evaluation"
_SEALED = "the session was closed while this evaluation ran"
_CANCELLED = "cancelled by request"
_log = logging.getLogger("mooring.evaluator")


class _Running:
    """The job that runs here; `recording` once it has outcomes that are being written down."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.recording = False
        self.task: asyncio.Task[None] | None = None


class Engine:
    """Runs jobs. `disk` and `books` are the lanes on which results and the ledger are touched;
    `news` tells when a job has changed.
    """

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
        self.news = News()
        self._plan = plan
        self._backend = backend
        self._samples = samples
        self._ledger = ledger
        self._results = results
        self._books = books
        self._disk = disk
        self._wake = asyncio.Event()
        # Held while a job is running in the ledger and not yet here.
        self._starting = asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None
        self._current: _Running | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run())

    async def submit(self, order: Order) -> Job:
        """A new job, paid for, or one that repeats a recorded result and is done; or `Refused`."""
        job = await self._books(self._ledger.reserve, order)
        if job.recorded is not None:
            return await self._repeat(job, job.recorded)
        self._wake.set()
        return job

    async def cancel(self, identifier: int) -> Job:
        """Ends a requested job that waits (it is paid back) or runs (it is not); or `Refused`."""
        async with self._starting:
            job = await self._books(self._ledger.withdraw, identifier, _CANCELLED)
            running = self._current
        if running is not None and running.job.id == identifier:
            job = await self._end(running, _CANCELLED)
        self.news.tell()
        return job

    async def drain(self, seconds: float) -> None:
        """After the seal: lets a running evaluation on the selection split end, cancels any other,
        and stops.
        """
        self.news.tell()
        async with self._starting:
            running = self._current
        if running is not None and running.task is not None:
            if running.job.split == self._plan.selection.split:
                await asyncio.wait({running.task}, timeout=seconds)
            await self._end(running, _SEALED)
        await self.stop()

    async def stop(self) -> None:
        """Stops at once; what ran stays recorded as running: the next start queues it again."""
        for task in (self._loop, self._current.task if self._current else None):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    async def measure(
        self, purpose: Purpose, split: str, candidate: Received, subset: Subset
    ) -> Job:
        """One unmetered evaluation for finalising, to its end; nothing of it is disclosed."""
        job = await self._books(self._ledger.enter, purpose, split, candidate, subset)
        summary, _ = await self._evaluate(job)
        if summary is None or summary.score is None:
            problem = INVALID if summary else _BROKE
            return await self._books(self._ledger.invalidate, job.id, problem, summary)
        return await self._books(self._ledger.complete, job.id, summary)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                running = await self._start_next()
            except LedgerUnusable:
                _log.exception("the queue waits for the ledger")
                await asyncio.sleep(LEDGER_PAUSE)
                continue
            self.news.tell()
            if running is None or running.task is None:
                await self._wake.wait()
            else:
                await asyncio.wait({running.task})
                self._current = None
                self.news.tell()

    async def _start_next(self) -> _Running | None:
        async with self._starting:
            job = await self._books(self._ledger.start_next)
            if job is None:
                return None
            running = _Running(job)
            running.task = asyncio.create_task(self._execute(running))
            self._current = running
            return running

    async def _end(self, running: _Running, problem: str) -> Job:
        """Cancels what runs here and records that, unless it has an end of its own to record."""
        assert running.task is not None
        if running.recording:
            await asyncio.wait({running.task}, timeout=RECORD_SECONDS)
        if not running.task.done():
            running.task.cancel()
            await asyncio.wait({running.task})
        with contextlib.suppress(ValueError):  # it had ended after all
            return await self._books(self._ledger.cancel, running.job.id, problem)
        ended = await self._books(self._ledger.job, running.job.id)
        assert ended is not None
        return ended

    async def _execute(self, running: _Running) -> None:
        """Takes a metered job to its end. What goes wrong here is never the candidate's failure."""
        job = running.job
        if job.recorded is not None:
            try:
                await self._repeat(job, job.recorded)
            except LedgerUnusable:
                _log.exception("job %d is repeated after the next start", job.id)
            return
        began = time.monotonic()
        summary, outcomes = await self._evaluate(job)
        await self._wait_for_tick(job, began)
        running.recording = True
        if summary is None or summary.score is None:
            await self._settle(
                self._ledger.invalidate, job, INVALID if summary else _BROKE, summary
            )
        else:
            await self._record(job, summary, outcomes)

    async def _wait_for_tick(self, job: Job, began: float) -> None:
        if self._access(job) is not Access.VIEWABLE:
            await asyncio.sleep((began - time.monotonic()) % GRID_SECONDS)

    async def _evaluate(self, job: Job) -> tuple[Summary | None, tuple[Outcome, ...]]:
        """Summary and outcomes; no summary when the backend broke instead of answering."""
        try:
            outcomes = await self._backend.evaluate(job.tree, self._picked(job))
        except Exception:
            _log.exception("job %d: the backend failed", job.id)
            return None, ()
        causes = {outcome.cause for outcome in outcomes if isinstance(outcome, Lost)}
        if causes:
            _log.warning("job %d: samples lost: %s", job.id, "; ".join(sorted(causes))[:2000])
        return summarise(outcomes, self._plan.failure_value), outcomes

    async def _record(self, job: Job, summary: Summary, outcomes: tuple[Outcome, ...]) -> None:
        """Stages the results, records the job, shows the results: see `results` for the order."""
        try:
            shown = await self._disk(
                disclose,
                self._access(job),
                job,
                summary,
                self._picked(job),
                outcomes,
                self._plan.failure_value,
            )
            if shown is not None:
                await self._disk(self._results.stage, job.id, shown)
        except Exception:
            _log.exception("job %d: its results cannot be written", job.id)
            await self._disk(self._results.discard, job.id)
            await self._settle(self._ledger.invalidate, job, _BROKE, None)
            return
        if await self._settle(self._ledger.complete, job, summary):
            await self._publish(job)
        else:
            await self._disk(self._results.discard, job.id)

    async def _repeat(self, job: Job, recorded: int) -> Job:
        """Ends a job with the result of an earlier one."""
        earlier = await self._books(self._ledger.job, recorded)
        assert earlier is not None and earlier.summary is not None
        try:
            shown = repeat(self._access(job), job, earlier.summary)
            await self._disk(self._results.stage, job.id, shown, recorded)
        except OSError:
            _log.exception("job %d: its results cannot be written", job.id)
            await self._disk(self._results.discard, job.id)
            return await self._books(self._ledger.invalidate, job.id, _BROKE)
        done = await self._books(self._ledger.complete, job.id, earlier.summary)
        await self._publish(job)
        return done

    async def _settle(self, end: Callable[..., Job], job: Job, *how: object) -> bool:
        """Writes the end of a job, and goes on trying while the ledger takes nothing: what has been
        measured is not lost to a disk that is full for a while. False when it had ended already.
        """
        while True:
            try:
                await self._books(end, job.id, *how)
                return True
            except ValueError:
                return False
            except LedgerUnusable:
                _log.exception("job %d ended, and the ledger does not take it", job.id)
                await asyncio.sleep(LEDGER_PAUSE)

    async def _publish(self, job: Job) -> None:
        try:
            await self._disk(self._results.publish, job.id)
        except OSError:
            _log.exception("job %d: its results appear after the next start", job.id)

    def _access(self, job: Job) -> Access:
        split = self._plan.split(job.split)
        return Access.NO_ACCESS if split is None else split.access

    def _picked(self, job: Job) -> Sequence[Sample]:
        return pick(self._samples[job.split], job.subset)
