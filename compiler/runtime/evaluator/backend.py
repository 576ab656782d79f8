"""The one interface behind which candidates are evaluated; budgets, tiers and finalising know no
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .dataset import Sample
from .outcomes import Outcome


class Backend(Protocol):
    # What `check` checks, by the name that it has in `health`.
    part: str

    async def check(self) -> None:
        """Raises an exception with the cause when nothing can ever be evaluated as things are."""

    async def ping(self) -> None:
        """Raises an exception with the cause when nothing could be evaluated now."""

    async def evaluate(self, tree: str, samples: Sequence[Sample]) -> tuple[Outcome, ...]:
        """One outcome a sample, in their order, within the plan's time. Failures are outcomes, not
        exceptions.

        Cancelling it ends everything that it started.
        """

    async def close(self) -> None:
        """Lets go of connections and processes."""
