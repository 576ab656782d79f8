"""auto_best: which candidate a session ends with. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .records import Job, Received, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tree that competes: its best recorded score with the job that gave it, and its score when
    scored again.

    `candidate` is the first commit that was received with this tree.
    """

    candidate: Received
    job: int
    score: float
    rescored: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    candidate: Received
    why: str


def rank(candidates: Iterable[Received], jobs: Iterable[Job], split: str) -> tuple[Entry, ...]:
    """One entry a tree with a complete evaluation on `split`: best first, ties to the one received
    earlier.
    """
    first: dict[str, Received] = {}
    for candidate in sorted(candidates, key=lambda candidate: candidate.order):
        first.setdefault(candidate.tree, candidate)
    best: dict[str, Entry] = {}
    for job in jobs:
        if (
            job.split != split
            or job.state is not State.DONE
            or job.summary is None
            or job.summary.score is None
        ):
            continue
        entry = best.get(job.tree)
        if entry is None or job.summary.score > entry.score:
            best[job.tree] = Entry(candidate=first[job.tree], job=job.id, score=job.summary.score)
    return tuple(sorted(best.values(), key=lambda entry: (-entry.score, entry.candidate.order)))


def choose(shortlist: Sequence[Entry], baseline: Received, split: str) -> Choice:
    """The best of a shortlist, by its second score where there is one; the baseline when it is
    empty.
    """
    if not shortlist:
        why = f"no candidate has a complete evaluation on {split}, so the baseline stands"
        return Choice(candidate=baseline, why=why)
    winner = min(shortlist, key=lambda entry: (-_value(entry), entry.candidate.order))
    return Choice(candidate=winner.candidate, why=_why(winner, shortlist, split))


def with_rescores(shortlist: Sequence[Entry], rescores: Mapping[str, float]) -> tuple[Entry, ...]:
    """The shortlist with the second scores that are there, by tree."""
    return tuple(
        Entry(
            candidate=e.candidate, job=e.job, score=e.score, rescored=rescores.get(e.candidate.tree)
        )
        for e in shortlist
    )


def _value(entry: Entry) -> float:
    return entry.score if entry.rescored is None else entry.rescored


def _why(winner: Entry, shortlist: Sequence[Entry], split: str) -> str:
    ties = sum(_value(entry) == _value(winner) for entry in shortlist)
    why = (
        f"best of {len(shortlist)} scored again on {split}"
        if len(shortlist) > 1
        else f"the only candidate on {split}"
    )
    if winner.rescored is None:
        why += "; scoring it again failed, its recorded score stands"
    return why + ("; the earliest received of equals" if ties > 1 else "")
