"""Project -> Timeouts: every bound of Harbor's phases, derived from the build's own."""

from __future__ import annotations

from typing import Final

from compiler.ir.project import Project
from compiler.ir.task_plan import Timeouts

BUILD_SECONDS: Final = 1800.0
VERIFIER_SECONDS: Final = 300.0


def derive_timeouts(project: Project) -> Timeouts:
    """The bounds of a Mode A task, in seconds."""
    return Timeouts(
        build=BUILD_SECONDS,
        agent=project.build.limits.agent,
        finalize=finalize_seconds(project),
        verifier=VERIFIER_SECONDS,
    )


def finalize_seconds(project: Project) -> float:
    return 3600.0
