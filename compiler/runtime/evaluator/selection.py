"""Which candidate a session ends with. Pure.

auto_best: the trees that have complete evaluations on the selection split compete; a tree's score
is the mean over all of them, since choosing the luckiest of several measurements would overstate
it. The best ones are scored again, unmetered, and the best second score wins; ties go to the tree
received earlier. Without any, the baseline stands.

submit: the last commit submitted before the seal, whatever its score. Without any, as auto_best.

The floor, in both: the baseline stands unless what was found has the greater score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from .outcomes import Summary, mean
from .records import Job, Received, State, Submission


class Basis(Enum):
    """Why a candidate was chosen."""

    AUTO_BEST = "auto_best"
    SUBMITTED = "submitted"
    BASELINE = "baseline"
    FLOOR = "baseline_floor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tree with its complete evaluations on the selection split, pooled: `score` is the mean over
    `jobs`, `counts` are sums. `rescored` is its score when scored again.

    `candidate` is the first commit that was received with this tree.
    """

    candidate: Received
    jobs: tuple[int, ...]
    score: float
    counts: Counts
    rescored: float | None = None

    @property
    def value(self) -> float:
        """What it competes with."""
        return self.score if self.rescored is None else self.rescored


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Samples by outcome."""

    samples: int = 0
    scored: int = 0
    failed: int = 0
    lost: int = 0

    def plus(self, summary: Summary) -> Counts:
        return Counts(
            samples=self.samples + summary.samples,
            scored=self.scored + summary.scored,
            failed=self.failed + summary.failed,
            lost=self.lost + summary.lost,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`score` is the chosen one's on the selection split, if it is known."""

    candidate: Received
    basis: Basis
    why: str
    score: float | None = None


def distinct(candidates: Iterable[Received]) -> dict[str, Received]:
    """The first commit received with each tree, in the order of arrival."""
    first: dict[str, Received] = {}
    for candidate in sorted(candidates, key=lambda candidate: candidate.order):
        first.setdefault(candidate.tree, candidate)
    return first


def rank(candidates: Iterable[Received], jobs: Iterable[Job], split: str) -> tuple[Entry, ...]:
    """One entry a tree with complete evaluations on `split`: best first, ties to the one received
    earlier. A job that repeats another's result is no evaluation.
    """
    first = distinct(candidates)
    pools: dict[str, list[Job]] = {}
    for job in jobs:
        if job.split == split and _is_complete(job) and job.tree in first:
            pools.setdefault(job.tree, []).append(job)
    entries = [_pool(first[tree], pool) for tree, pool in pools.items()]
    return tuple(sorted(entries, key=lambda entry: (-entry.score, entry.candidate.order)))


def with_rescores(entries: Sequence[Entry], rescores: Mapping[str, float]) -> tuple[Entry, ...]:
    """The entries with the second scores that are there, by tree."""
    return tuple(replace(e, rescored=rescores.get(e.candidate.tree)) for e in entries)


def choose(shortlist: Sequence[Entry], baseline: Received, split: str, missing: str = "") -> Choice:
    """The best of a shortlist, by its second score where there is one; the baseline when it is
    empty. `missing` is said first: why nothing else decided.
    """
    if not shortlist:
        why = f"{missing}no candidate has a complete evaluation on {split}, so the baseline stands"
        return Choice(candidate=baseline, basis=Basis.BASELINE, why=why)
    winner = min(shortlist, key=lambda entry: (-entry.value, entry.candidate.order))
    return Choice(
        candidate=winner.candidate,
        basis=Basis.AUTO_BEST,
        why=missing + _why(winner, shortlist, split),
        score=winner.value,
    )


def take_submitted(submission: Submission, candidates: Iterable[Received]) -> Choice:
    """The submitted commit."""
    candidate = next(c for c in candidates if c.commit == submission.commit)
    why = "the last commit submitted before the seal"
    return Choice(candidate=candidate, basis=Basis.SUBMITTED, why=why)


def hold_floor(choice: Choice, baseline: Received, floor: float, split: str) -> Choice:
    """The choice, or the baseline where the choice is not better; `choice.score` is known."""
    assert choice.score is not None
    if choice.candidate.tree == baseline.tree or choice.score > floor:
        return choice
    why = (
        f"{choice.candidate.commit} ({choice.why}) has {choice.score:.4f} on {split},"
        f" not more than the baseline's {floor:.4f}: the floor holds"
    )
    return Choice(candidate=baseline, basis=Basis.FLOOR, why=why, score=floor)


def _is_complete(job: Job) -> bool:
    return (
        job.state is State.DONE
        and job.subset.ids is None
        and job.recorded is None
        and job.summary is not None
        and job.summary.score is not None
    )


def _pool(candidate: Received, pool: Sequence[Job]) -> Entry:
    summaries = [job.summary for job in pool if job.summary is not None]
    counts = Counts()
    for summary in summaries:
        counts = counts.plus(summary)
    # Each evaluation has all samples of the split, so the mean of means is the mean of samples.
    score = mean([summary.score for summary in summaries if summary.score is not None])
    return Entry(
        candidate=candidate, jobs=tuple(job.id for job in pool), score=score, counts=counts
    )


def _why(winner: Entry, shortlist: Sequence[Entry], split: str) -> str:
    ties = sum(entry.value == winner.value for entry in shortlist)
    why = (
        f"best of {len(shortlist)} scored again on {split}"
        if len(shortlist) > 1
        else f"the only candidate on {split}"
    )
    if winner.rescored is None:
        why += "; scoring it again failed, its recorded score stands"
    return why + ("; the earliest received of equals" if ties > 1 else "")
