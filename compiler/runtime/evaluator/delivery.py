"""A candidate's tree on its way to the runner, the same in both modes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .candidates import CandidateStore, MachineryFailure
from .outcomes import Failed
from .runner_client import RunnerClient, RunnerFailure, SetupFailed, TreeRefused

RETRY_DELAYS = (0.5, 3.0)
_MACHINERY = (RunnerFailure, MachineryFailure, OSError)


async def deliver(
    runner: RunnerClient, store: CandidateStore, tree: str, trouble: Callable[[Exception], None]
) -> None:
    """Sees to it that the runner has the tree ready. `trouble` hears of failures of the machinery
    that are tried again; the last one is raised, and so is TreeRefused.
    """
    for delay in (*RETRY_DELAYS, None):
        try:
            await runner.ensure(tree, store.archive)
            return
        except _MACHINERY as error:
            if delay is None:
                raise
            trouble(error)
            await asyncio.sleep(delay)


def refusal(error: TreeRefused) -> Failed:
    """The candidate's failure that a refused tree is."""
    cause = "the candidate's tree cannot be run"
    if isinstance(error, SetupFailed):
        cause = "the candidate's setup failed"
    return Failed(cause=cause, detail=str(error))
