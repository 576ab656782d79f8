"""Records that the ledger keeps, as the rest of the evaluator sees them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .outcomes import Summary


class State(Enum):
    """States of a job. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    INVALID = "invalid"
    CANCELLED = "cancelled"


class Purpose(Enum):
    """Who asked for an evaluation: the optimiser (metered), or finalising (unmetered, shown to
    nobody).
    """

    REQUESTED = "requested"
    RESCORE = "rescore"
    TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A commit that may be evaluated; `order` counts up in the order of arrival, the baseline has
    0.
    """

    commit: str
    tree: str
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The commit that the optimiser wants to be judged by; `at` is for people only."""

    commit: str
    tree: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """The samples of a split that an evaluation covers, in the split's order; `None` is all."""

    ids: tuple[str, ...] | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the optimiser asks for: an evaluation of a commit on samples of a split."""

    split: str
    commit: str
    subset: Subset


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One evaluation. Times are seconds since the epoch, for people only; nothing is decided by
    them. `recorded` is the job whose result this one repeats.
    """

    id: int
    purpose: Purpose
    split: str
    commit: str
    tree: str
    subset: Subset
    recorded: int | None
    state: State
    starts: int
    submitted: float
    finished: float | None
    summary: Summary | None
    problem: str | None


class Refused(Exception):
    """A request that cannot be granted: `code` is the word in the API's error, `message` is for
    people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LedgerUnusable(Exception):
    """The ledger cannot be read or written: nothing is left and nothing may be granted."""
