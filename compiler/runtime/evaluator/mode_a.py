"""Mode A: each sample is one run of the candidate's command in the runner, then one call of the
scorer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from .answers import BadAnswer, decode_answer
from .candidates import CandidateStore, MachineryFailure
from .dataset import Sample
from .delivery import RETRY_DELAYS, deliver, refusal
from .outcomes import MOST_LOST, Failed, Lost, Outcome
from .plan import PlanA
from .runner_client import (
    SAMPLE_MARGIN,
    Run,
    RunnerClient,
    RunnerFailure,
    RunnerSilent,
    TreeRefused,
    TreeUnknown,
)
from .scorer import Scorers, ScorerUnusable, check_scorer
from .suspicion import Suspicion

_LARGE = 32 * 1024
_NO_TIME = "the evaluation's time was over before this sample was finished"
_FAILS_RUNNER = "the runner failed again and again while the candidate ran, and only then"
_MACHINERY = (RunnerFailure, ScorerUnusable, MachineryFailure, OSError)
_log = logging.getLogger("mooring.evaluator")


class ModeA:
    """Backend over a runner; see `backend.Backend`."""

    part = "scorer"

    def __init__(self, plan: PlanA, store: CandidateStore, runner: RunnerClient) -> None:
        self._plan = plan
        self._store = store
        self._runner = runner

    async def ping(self) -> None:
        await self._runner.ping()

    async def check(self) -> None:
        await check_scorer(self._plan)

    async def close(self) -> None:
        await self._runner.close()

    async def evaluate(self, tree: str, samples: Sequence[Sample]) -> tuple[Outcome, ...]:
        evaluation = _Evaluation(self._plan, self._store, self._runner, tree, samples)
        return await evaluation.run()


class _Clock:
    """The seconds in which somebody waited for the machinery, and not for the candidate."""

    def __init__(self) -> None:
        self.lost = 0.0
        self._waiting = 0
        self._since = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.lost += time.monotonic() - self._since


class _Evaluation:
    """State of one evaluation: outcomes so far, and whether the machinery has failed in it."""

    def __init__(
        self,
        plan: PlanA,
        store: CandidateStore,
        runner: RunnerClient,
        tree: str,
        samples: Sequence[Sample],
    ) -> None:
        self._plan = plan
        self._store = store
        self._runner = runner
        self._tree = tree
        self._samples = samples
        self._outcomes: list[Outcome | None] = [None] * len(samples)
        self._scorers = Scorers(plan)
        self._refused: Failed | None = None
        self._is_late = False
        self._clock = _Clock()
        self._delivered = False
        self._cause = "the tree was not handed to the runner in time"
        is_baseline = tree == plan.baseline.tree
        self._suspicion = Suspicion(runner, is_baseline=is_baseline)

    async def run(self) -> tuple[Outcome, ...]:
        try:
            async with asyncio.timeout(self._plan.timeout):
                await self._run_all()
        except TimeoutError:
            self._is_late = self._delivered and await self._answers()
        except TreeRefused as error:
            self._refused = refusal(error)
        except _MACHINERY as error:
            self._trouble(error)
        finally:
            await self._scorers.close()
        return tuple(outcome or self._unfinished() for outcome in self._outcomes)

    async def _run_all(self) -> None:
        await self._run_pending()
        while self._suspicion.is_strong():
            some = self._pending()[: self._plan.max_concurrency]
            works = (partial(_wait_for_all, run, some) for run in (self._run_baseline, self._rerun))
            if await self._suspicion.confirm(*works):
                self._refused = Failed(cause=_FAILS_RUNNER)
                return
            await self._run_pending()

    def _pending(self) -> list[int]:
        return [number for number, outcome in enumerate(self._outcomes) if outcome is None]

    async def _run_baseline(self, number: int) -> None:
        with contextlib.suppress(TreeRefused):
            await self._run_tree(self._plan.baseline.tree, self._samples[number])

    async def _rerun(self, number: int) -> None:
        self._outcomes[number] = await self._attempt(self._samples[number])

    def _unfinished(self) -> Outcome:
        """A tree that cannot be run fails everywhere. Time that ran out is the candidate's failure,
        unless the machinery lost a good part of it.
        """
        if self._refused is not None:
            return self._refused
        if self._is_late and self._clock.lost <= MOST_LOST * self._plan.timeout:
            return Failed(cause=_NO_TIME)
        return Lost(cause=self._cause)

    async def _answers(self) -> bool:
        """When the time is over: a runner that hangs by then was the one who lost it."""
        try:
            await self._runner.ping()
        except RunnerFailure as error:
            self._trouble(error)
            return False
        return True

    def _trouble(self, error: Exception) -> None:
        self._cause = f"{type(error).__name__}: {error}"
        _log.warning("machinery: %s", self._cause)
        self._suspicion.count(error)
        if isinstance(error, RunnerSilent):
            # What is beyond the sample's own time, of one that runs beside others.
            self._clock.lost += SAMPLE_MARGIN / self._plan.max_concurrency

    async def _recover(self, error: Exception, delay: float | None) -> bool:
        """After a failure of the machinery: whether to try again now."""
        self._trouble(error)
        if delay is None or self._suspicion.is_strong():
            return False
        with self._clock.running():
            await asyncio.sleep(delay)
            return await self._suspicion.until_it_answers()

    async def _run_pending(self) -> None:
        """Runs what has no outcome yet; leaves off when the candidate becomes suspect."""
        try:
            await deliver(self._runner, self._store, self._tree, self._recover)
        except _MACHINERY:
            return
        self._delivered = True
        numbers = iter(self._pending())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._plan.max_concurrency, len(self._samples))):
                group.create_task(self._run_some(numbers))

    async def _run_some(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            if self._hopeless() or self._refused is not None or self._suspicion.is_strong():
                return
            self._outcomes[number] = await self._run_one(self._samples[number])

    def _hopeless(self) -> bool:
        """Whether so much is lost that no number can come of it any more."""
        return sum(isinstance(outcome, Lost) for outcome in self._outcomes) > MOST_LOST * len(
            self._samples
        )

    async def _run_one(self, sample: Sample) -> Outcome | None:
        """None when the candidate has become suspect: the sample is run again after that."""
        for delay in (*RETRY_DELAYS, None):
            try:
                return await self._attempt(sample)
            except TreeRefused as error:
                self._refused = refusal(error)
                return self._refused
            except _MACHINERY as error:
                if not await self._recover(error, delay):
                    break
        return None if self._suspicion.is_strong() else Lost(cause=self._cause)

    async def _run_tree(self, tree: str, sample: Sample) -> Run:
        try:
            return await self._runner.sample(tree, sample.input)
        except TreeUnknown:  # the runner made room, or is a new one
            await self._runner.ensure(tree, self._store.archive)
            return await self._runner.sample(tree, sample.input)

    async def _attempt(self, sample: Sample) -> Outcome:
        run = await self._run_tree(self._tree, sample)
        failed = failure_of(run, self._plan)
        if failed is not None:
            return failed
        try:
            answer = await self._decode(run.body)
        except BadAnswer as error:
            return Failed(cause=str(error), detail=run.stderr)
        return await self._scorers.score(sample, answer)

    async def _decode(self, body: bytes) -> str:
        limit = self._plan.limits.output_bytes
        if len(body) <= _LARGE:
            return decode_answer(body, limit)
        return await asyncio.to_thread(decode_answer, body, limit)


async def _wait_for_all(
    run: Callable[[int], Coroutine[None, None, None]], numbers: Sequence[int]
) -> None:
    """Raises the first failure, when all of them have ended."""
    for end in await asyncio.gather(*map(run, numbers), return_exceptions=True):
        if end is not None:
            raise end


def failure_of(run: Run, plan: PlanA) -> Failed | None:
    """The candidate's failure that a run shows by itself, or `None` when there is an output to
    read.
    """
    if run.timed_out:
        return Failed(
            cause=f"the sample took longer than {plan.sample_timeout:g} s", detail=run.stderr
        )
    if run.signal is not None:
        return Failed(cause=f"the command was ended by signal {run.signal}", detail=run.stderr)
    if run.exit != 0:
        return Failed(cause=f"the command ended with exit code {run.exit}", detail=run.stderr)
    causes = {
        "missing": "the command wrote no output",
        "too_large": f"the output is larger than {plan.limits.output_bytes} bytes",
        "not_a_file": "the output is not a regular file",
    }
    return None if run.output == "present" else Failed(cause=causes[run.output], detail=run.stderr)
