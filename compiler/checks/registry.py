"""Every rule, one line each: those that read the build alone, then those that need its inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from compiler.checks.budgets import check_budgets
from compiler.checks.command import check_command
from compiler.checks.effects import check_effects
from compiler.checks.extra_args import check_extra_args
from compiler.checks.gateway_command import check_gateway_command
from compiler.checks.gateway_places import check_gateway_places
from compiler.checks.gateway_profiles import check_gateway_profiles
from compiler.checks.gateway_times import check_gateway_times
from compiler.checks.gateway_variables import check_gateway_variables
from compiler.checks.known_splits import check_known_splits
from compiler.checks.name_case import check_name_case
from compiler.checks.nested_environment import (
    check_environment_module,
    check_nested_environment,
)
from compiler.checks.nothing_to_write import check_nothing_to_write
from compiler.checks.partition import check_partition
from compiler.checks.read_only_paths import check_read_only_paths
from compiler.checks.repeated_names import check_repeated_names
from compiler.checks.sample_counts import check_sample_counts
from compiler.checks.scorer_module import check_scorer_module
from compiler.checks.secrets import check_secrets
from compiler.checks.selection import check_selection
from compiler.checks.sidecars import check_sidecars, check_uses
from compiler.checks.split_data import check_split_data
from compiler.checks.target_samples import check_target_samples
from compiler.checks.targets import check_targets
from compiler.checks.task_source import check_task_source
from compiler.checks.timeouts import check_timeouts
from compiler.checks.trust_boundary import check_trust_boundary
from compiler.checks.verifier_timeout import check_verifier_timeout
from compiler.diagnostics.diagnostic import Diagnostic
from compiler.ir.build import Bare, Build, ModeA, ModeB, Task
from compiler.ir.project import Inputs
from compiler.ir.task_plan import Plan
from compiler.ir.tong import Tong

type Found = Iterable[Diagnostic]

BARE_CHECKS: Final[tuple[Callable[[Bare], Found], ...]] = (check_nothing_to_write,)

# Of what every kind of build may have.
COMMON_CHECKS: Final[tuple[Callable[[Build], Found], ...]] = (
    check_gateway_profiles,
    check_gateway_command,
    check_gateway_places,
    check_gateway_times,
    check_gateway_variables,
    check_uses,
)

BUILD_CHECKS: Final[tuple[Callable[[Task], Found], ...]] = (
    check_known_splits,
    check_budgets,
    check_selection,
    check_targets,
    check_command,
    check_repeated_names,
    check_secrets,
    check_timeouts,
    check_effects,
    check_task_source,
    check_extra_args,
    check_nested_environment,
)

INPUT_CHECKS: Final[tuple[Callable[[Inputs], Found], ...]] = (
    check_split_data,
    check_sample_counts,
    check_target_samples,
    check_partition,
    check_environment_module,
    check_scorer_module,
    check_name_case,
    check_read_only_paths,
)

TONG_CHECKS: Final[tuple[Callable[[Build, Sequence[Tong], Collection[str]], Found], ...]] = (
    check_sidecars,
)

PLAN_CHECKS: Final[tuple[Callable[[Build, Plan], Found], ...]] = (check_verifier_timeout,)

SERVICE_CHECKS: Final[tuple[Callable[[Build, Plan, Sequence[Tong]], Found], ...]] = (
    check_trust_boundary,
)


def check_bare(build: Bare) -> tuple[Diagnostic, ...]:
    """What there is to say of a build without a task."""
    return tuple(d for check in (*BARE_CHECKS, *COMMON_CHECKS) for d in check(build))


def check_build(build: ModeA | ModeB) -> tuple[Diagnostic, ...]:
    """What is wrong with the build as it is written."""
    return tuple(d for check in (*BUILD_CHECKS, *COMMON_CHECKS) for d in check(build))


def check_inputs(inputs: Inputs) -> tuple[Diagnostic, ...]:
    """What is wrong with the build once its inputs are known."""
    return tuple(d for check in INPUT_CHECKS for d in check(inputs))


def check_tongs(
    build: Build, tongs: Sequence[Tong], names: Collection[str]
) -> tuple[Diagnostic, ...]:
    """What is wrong with the tongs of the build; ``names`` are those of all its definitions."""
    return tuple(d for check in TONG_CHECKS for d in check(build, tongs, names))


def check_plan(build: Build, plan: Plan, tongs: Sequence[Tong]) -> tuple[Diagnostic, ...]:
    """What is wrong with the plan that the build and its tongs were lowered to."""
    of_services = (d for check in SERVICE_CHECKS for d in check(build, plan, tongs))
    return (*of_services, *(d for check in PLAN_CHECKS for d in check(build, plan)))
