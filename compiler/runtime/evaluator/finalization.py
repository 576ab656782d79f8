"""The finalization document: what was chosen, why, and what it scored. Pure.

`schemas/runtime/finalization.schema.json` is its contract.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .outcomes import Summary
from .plan import Plan, Target
from .records import Job, Received, State, Submission
from .selection import Choice, Entry

FILE_NAME = "finalization.json"
NO_NUMBER = "the machinery failed while this split was scored"
NO_FLOOR = "the machinery failed while the baseline or the chosen one was scored for the floor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The last word on a candidate's score; `job` is done, invalid or cut off."""

    job: Job

    @property
    def summary(self) -> Summary | None:
        return self.job.summary

    @property
    def score(self) -> float | None:
        done = self.job.state is State.DONE
        return self.summary.score if done and self.summary else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What finalising found; `floor` is the baseline's score that a choice had to exceed."""

    sealed: float
    finished: float
    candidates: Sequence[Received]
    entries: Sequence[Entry]
    submission: Submission | None
    choice: Choice
    floor: float | None = None
    problem: str | None = None
    targets: Sequence[tuple[Target, Scoring]] = ()
    baseline: Mapping[str, float | None] | None = None
    export: Mapping[str, str | None] = field(default_factory=dict)


def render_finalization(plan: Plan, session: Session) -> str:
    """The document as JSON text."""
    missing = [target.reward_key for target, scoring in session.targets if scoring.score is None]
    problem = session.problem
    if problem is None and missing:
        problem = f"no score for {', '.join(missing)}: {NO_NUMBER}"
    rewards = {target.reward_key: scoring.score for target, scoring in session.targets}
    document = {
        "version": 1,
        "task": plan.task,
        "sealed_at": moment(session.sealed),
        "finished_at": moment(session.finished),
        "selection": _selection(plan, session),
        "targets": [_target(target, scoring) for target, scoring in session.targets],
        "baseline": session.baseline,
        "rewards": None if problem else rewards,
        "problem": problem,
        "export": session.export,
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def moment(seconds: float) -> str:
    """A time for people: UTC, to the millisecond."""
    try:
        time = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):  # a clock that is out of its mind
        time = datetime.fromtimestamp(0, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _selection(plan: Plan, session: Session) -> dict[str, object]:
    ranked = {entry.candidate.tree for entry in session.entries}
    others = [c for c in session.candidates if c.tree not in ranked]
    choice, submission = session.choice, session.submission
    return {
        "split": plan.selection.split,
        "mode": plan.selection.mode.value,
        "submitted": submission and {"commit": submission.commit, "tree": submission.tree},
        "candidates": [_entry(entry) for entry in session.entries] + [_other(c) for c in others],
        "floor": session.floor,
        "chosen": {
            "commit": choice.candidate.commit,
            "tree": choice.candidate.tree,
            "basis": choice.basis.value,
            "score": choice.score,
            "why": choice.why,
        },
    }


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "commit": entry.candidate.commit,
        "tree": entry.candidate.tree,
        "jobs": [str(job) for job in entry.jobs],
        "score": entry.score,
        "samples": entry.counts.samples,
        "scored": entry.counts.scored,
        "failed": entry.counts.failed,
        "lost": entry.counts.lost,
        "rescored": entry.rescored,
    }


def _other(candidate: Received) -> dict[str, object]:
    """A candidate without a complete evaluation on the selection split."""
    counts = dict.fromkeys(("samples", "scored", "failed", "lost"), 0)
    known = {"commit": candidate.commit, "tree": candidate.tree}
    return {**known, "jobs": [], "score": None, **counts, "rescored": None}


def _target(target: Target, scoring: Scoring) -> dict[str, object]:
    summary = scoring.summary
    return {
        "split": target.split,
        "reward_key": target.reward_key,
        "sample_ids": None if target.sample_ids is None else list(target.sample_ids),
        "score": scoring.score,
        "samples": summary.samples if summary else None,
        "scored": summary.scored if summary else None,
        "failed": summary.failed if summary else None,
        "lost": summary.lost if summary else None,
        **_basis(scoring),
        "problem": None if scoring.score is not None else NO_NUMBER,
    }


def _basis(scoring: Scoring) -> dict[str, object]:
    """`measured` where at least one sample was scored, `floor` where the score is nothing but
    failures, with what the most of them were.
    """
    summary = scoring.summary
    if scoring.score is None or summary is None:
        return {"basis": None, "cause": None}
    if summary.scored:
        return {"basis": "measured", "cause": None}
    return {"basis": "floor", "cause": summary.cause}
