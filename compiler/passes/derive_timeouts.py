"""Project -> Timeouts: every bound of Harbor's phases, derived from the build's own."""

from __future__ import annotations

from typing import Final

from compiler.ir.build import Build
from compiler.ir.project import Project
from compiler.ir.task_plan import Timeouts

BUILD_SECONDS: Final = 1800.0
VERIFIER_SECONDS: Final = 300.0
RESCORE_TOP_K: Final = 3

# The evaluator's own bounds, in seconds: draining what runs when the session is sealed, what a
# scoring may take beyond its evaluation, scorings repeated after the machinery failed, and closing.
_DRAIN: Final = 120.0
_SCORING_MARGIN: Final = 60.0
_REPEATED_SCORINGS: Final = 2
_CLOSING: Final = 60.0


def derive_timeouts(project: Project) -> Timeouts:
    """The bounds of a Mode A task, in seconds."""
    return Timeouts(
        build=BUILD_SECONDS,
        agent=project.build.limits.agent,
        finalize=finalize_seconds(project.build),
        verifier=VERIFIER_SECONDS,
    )


def finalize_seconds(build: Build) -> float:
    """How long finalising may take: as the evaluator's ``finalise_seconds`` counts it."""
    evaluation = build.limits.evaluation
    scorings = RESCORE_TOP_K + len({target.split for target in build.targets}) + _REPEATED_SCORINGS
    return min(evaluation, _DRAIN) + scorings * (evaluation + _SCORING_MARGIN) + _CLOSING
