"""A candidate's tree on its way to the runner, the same in both modes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .candidates import CandidateStore, MachineryFailure
from .outcomes import Failed
from .runner_client import RunnerClient, RunnerFailure, SetupFailed, TreeRefused

RETRY_DELAYS = (0.5, 3.0)
# Waits after a failure, for so many seconds, or not at all when it was the last try; whether there
# is another one.
Recover = Callable[[Exception, float | None], Awaitable[bool]]
_MACHINERY = (RunnerFailure, MachineryFailure, OSError)


async def deliver(runner: RunnerClient, store: CandidateStore, tree: str, recover: Recover) -> None:
    """Sees to it that the runner has the tree ready. `recover` hears of failures of the machinery,
    with how long to wait; one after which it is not tried again is raised, and so is TreeRefused.
    """
    for delay in (*RETRY_DELAYS, None):
        try:
            await runner.ensure(tree, store.archive)
            return
        except _MACHINERY as error:
            if not await recover(error, delay):
                raise


def refusal(error: TreeRefused) -> Failed:
    """The candidate's failure that a refused tree is."""
    cause = "the candidate's tree cannot be run"
    if isinstance(error, SetupFailed):
        cause = "the candidate's setup failed"
    return Failed(cause=cause, detail=str(error))
