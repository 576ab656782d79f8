"""Whose fault it is when the runner fails.

It is the machinery's failure, and a candidate can bring it about: what takes all the memory of a
container ends whatever is in it. So when the runner has failed `MOST_FAILURES` times in an
evaluation, each time after it had answered, the baseline is run on the same samples, as many at
once, and the candidate after it. If the runner bears the first and not the second, it is the
candidate's failure. In all other cases it stays the machinery's; but whoever was acquitted
`MOST_TRIALS` times, and has the runner fail as often again, knew how to tell when it was compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .runner_client import RunnerClient, RunnerFailure

MOST_FAILURES = 3
# How often the two are compared in one evaluation.
MOST_TRIALS = 2
# How long a runner that ended may take until it answers again: the engine starts it anew, and waits
# for up to a minute with one that ended often.
RETURN_SECONDS = 75.0
_PAUSE = 0.2

Work = Callable[[], Awaitable[None]]


class Suspicion:
    """Of one candidate in one evaluation; of a candidate that is the baseline there is none."""

    def __init__(self, runner: RunnerClient, *, is_baseline: bool) -> None:
        self._runner = runner
        self._possible = not is_baseline
        self._trials = 0
        self._failures = 0
        self._answers = True
        self._gone = False

    def count(self, error: Exception) -> None:
        """Takes note of a failure; several of a runner that did not answer in between are one."""
        if isinstance(error, RunnerFailure) and self._answers:
            self._failures += 1
            self._answers = False

    def is_strong(self) -> bool:
        return self._failures >= MOST_FAILURES and self._possible

    async def until_it_answers(self) -> bool:
        """Whether the runner answers, within `RETURN_SECONDS`; at once when it was away so long."""
        deadline = asyncio.get_running_loop().time() + (0 if self._gone else RETURN_SECONDS)
        while not await self._ping():
            if asyncio.get_running_loop().time() >= deadline:
                self._gone = True
                return False
            await asyncio.sleep(_PAUSE)
        self._answers, self._gone = True, False
        return True

    async def confirm(self, run_baseline: Work, run_candidate: Work) -> bool:
        """Runs both, which raise `RunnerFailure`; whether it is the candidate's failure."""
        if self._trials == MOST_TRIALS:
            return True
        self._trials += 1
        self._failures = 0
        self._possible = await self._bears(run_baseline) and await self.until_it_answers()
        return self._possible and not await self._bears(run_candidate)

    async def _bears(self, work: Work) -> bool:
        if not await self.until_it_answers():
            return False
        try:
            await work()
        except RunnerFailure:
            self._answers = False
            return False
        return True

    async def _ping(self) -> bool:
        try:
            await self._runner.ping()
        except RunnerFailure:
            return False
        return True
