"""How the nested Harbor runs candidates: what the plan says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Aggregate(Enum):
    """What several attempts at one task count as."""

    MEAN = "mean"
    BEST = "best"


class Fault(Enum):
    """Whose failure an exception is."""

    CANDIDATE = "candidate"
    MACHINERY = "machinery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Types of exceptions that Harbor tries again; `None` is all of them for `include` and Harbor's
    own list for `exclude`. Waits are in seconds.
    """

    include: tuple[str, ...] | None
    exclude: tuple[str, ...] | None
    wait_multiplier: float
    min_wait: float
    max_wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`task_source` is a registry's dataset; `None` is the folder of tasks. `exceptions` are added
    to the table of `faults`.
    """

    task_source: str | None
    environment: str
    model: str | None
    n_attempts: int
    max_retries: int
    retry: Retry
    reward_key: str | None
    aggregate: Aggregate
    exceptions: Mapping[str, Fault]
    extra_args: tuple[str, ...]
