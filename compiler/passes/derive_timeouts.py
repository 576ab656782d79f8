"""Project -> Timeouts: every bound of Harbor's phases, derived from the build's own."""

from __future__ import annotations

from typing import Final

from compiler.ir.build import Task
from compiler.ir.task_plan import Bound, Timeouts

VERIFIER_SECONDS: Final = 300.0

# The evaluator's own bounds, in seconds: draining what runs when the session is sealed, what a
# scoring may take beyond its evaluation, scorings repeated after the machinery failed, closing, and
# how long the hook tries to reach an evaluator that is starting again.
_DRAIN: Final = 120.0
_SCORING_MARGIN: Final = 60.0
_REPEATED_SCORINGS: Final = 2
_CLOSING: Final = 60.0
_REACHING: Final = 60.0


def derive_timeouts(build: Task) -> Timeouts:
    """The bounds of a task, in seconds."""
    limits, at = build.limits, build.places
    return Timeouts(
        build=Bound(seconds=limits.build, why=_source(at.has("build_timeout"), "build_timeout")),
        agent=Bound(seconds=limits.agent, why=_source(at.has("agent_timeout"), "agent_timeout")),
        finalize=_finalize(build),
        finalize_needs=_finalize_needs(build),
        verifier=Bound(seconds=VERIFIER_SECONDS, why="fetching the result takes seconds"),
    )


def _source(written: bool, key: str) -> str:
    return f"`{key}`" if written else f"the default of `{key}`"


def _finalize(build: Task) -> Bound:
    if build.limits.finalize is not None:
        return Bound(seconds=build.limits.finalize, why="`verifier_timeout`")
    return _finalize_needs(build)


def _finalize_needs(build: Task) -> Bound:
    scorings = count_scorings(build)
    evaluation = build.limits.evaluation
    why = (
        f"draining {min(evaluation, _DRAIN):g} s, {scorings} scorings of at most `timeout` "
        f"{evaluation:g} s and {_SCORING_MARGIN:g} s each, closing {_CLOSING + _REACHING:g} s"
    )
    return Bound(seconds=finalize_seconds(build) + _REACHING, why=why)


def finalize_seconds(build: Task) -> float:
    """How long finalising may take: as the evaluator's ``finalise_seconds`` counts it."""
    evaluation = build.limits.evaluation
    scorings = count_scorings(build)
    return min(evaluation, _DRAIN) + scorings * (evaluation + _SCORING_MARGIN) + _CLOSING


def count_scorings(build: Task) -> int:
    """How many scorings finalising may take: candidates, targets, the baseline, repeated ones."""
    selection = build.selection
    targets = len({(target.split, target.sample_ids) for target in build.targets})
    baseline = int(selection.baseline_floor) + (targets if selection.score_baseline else 0)
    return selection.rescore_top_k + targets + baseline + _REPEATED_SCORINGS
