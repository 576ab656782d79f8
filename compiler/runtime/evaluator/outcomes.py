"""What became of each sample, and the one way in which samples become a score.

Three things that are never mixed: a score, a failure of the candidate (it counts `failure_value`)
and a failure of the machinery (the sample is lost; too many of them and there is no number at all).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_LOST = 0.1
INVALID = "too many samples were lost to failures of the machinery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """`output` is the candidate's answer as JSON text."""

    score: float
    metrics: dict[str, float] = field(default_factory=dict)
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Failure of the candidate. `cause` is a word of ours, `detail` bounded text that candidate
    code may have chosen.
    """

    cause: str
    detail: str = ""
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Failure of the machinery; `cause` goes to the log and to nobody else."""

    cause: str


Outcome = Scored | Failed | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Aggregate over a whole selection. `score` is `None` when the evaluation is invalid. `cause`
    is what the most failures of the candidate were, in words of ours, for finalising alone.
    """

    score: float | None
    metrics: dict[str, float]
    samples: int
    scored: int
    failed: int
    lost: int
    cause: str | None = None


def summarise(outcomes: Sequence[Outcome], failure_value: float) -> Summary:
    """Means over all samples: whatever is not scored counts `failure_value`, so nothing missing
    raises a mean.
    """
    scored = [outcome for outcome in outcomes if isinstance(outcome, Scored)]
    lost = sum(isinstance(outcome, Lost) for outcome in outcomes)
    valid = bool(outcomes) and lost <= MOST_LOST * len(outcomes)
    missing = [failure_value] * (len(outcomes) - len(scored))
    names = sorted({name for outcome in scored for name in outcome.metrics})
    metrics = {
        name: mean([outcome.metrics.get(name, failure_value) for outcome in scored] + missing)
        for name in names
    }
    return Summary(
        score=mean([outcome.score for outcome in scored] + missing) if valid else None,
        metrics=metrics if valid else {},
        samples=len(outcomes),
        scored=len(scored),
        failed=len(outcomes) - len(scored) - lost,
        lost=lost,
        cause=_commonest([outcome.cause for outcome in outcomes if isinstance(outcome, Failed)]),
    )


def _commonest(causes: Sequence[str]) -> str | None:
    """The most frequent, the first of equals."""
    return Counter(causes).most_common(1)[0][0] if causes else None


def mean(values: Sequence[float]) -> float:
    """Exactly rounded mean of finite values, of any size."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)
