"""Every rule, one line each: those that read the build alone, then those that need its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from compiler.checks.budgets import check_budgets
from compiler.checks.command import check_command
from compiler.checks.known_splits import check_known_splits
from compiler.checks.repeated_names import check_repeated_names
from compiler.checks.secrets import check_secrets
from compiler.checks.selection import check_selection
from compiler.checks.split_data import check_split_data
from compiler.checks.targets import check_targets
from compiler.checks.timeouts import check_timeouts
from compiler.diagnostics.diagnostic import Diagnostic
from compiler.ir.build import Build
from compiler.ir.project import Project

BUILD_CHECKS: Final[tuple[Callable[[Build], Iterable[Diagnostic]], ...]] = (
    check_known_splits,
    check_budgets,
    check_selection,
    check_targets,
    check_command,
    check_repeated_names,
    check_secrets,
    check_timeouts,
)

PROJECT_CHECKS: Final[tuple[Callable[[Project], Iterable[Diagnostic]], ...]] = (check_split_data,)


def check_build(build: Build) -> tuple[Diagnostic, ...]:
    """What is wrong with the build as it is written."""
    return tuple(d for check in BUILD_CHECKS for d in check(build))


def check_project(project: Project) -> tuple[Diagnostic, ...]:
    """What is wrong with the build once its inputs are known."""
    return tuple(d for check in PROJECT_CHECKS for d in check(project))
