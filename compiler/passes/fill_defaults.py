"""BuildFile -> Build: every default in one place."""

from __future__ import annotations

from typing import Any, Final

from compiler.ir.build import (
    Access,
    Aggregate,
    Bare,
    Box,
    Budget,
    Build,
    Evaluator,
    Fault,
    Limits,
    ModeA,
    ModeB,
    NestedHarbor,
    Overlay,
    Reach,
    Recipient,
    Resources,
    Retry,
    RewardMode,
    Scorer,
    Secret,
    Seed,
    Selection,
    Split,
    Target,
    Workbench,
)
from compiler.ir.environments import requirement_for
from compiler.passes.fill_gateways import fill_gateways
from compiler.passes.fill_sidecars import fill_sidecars
from compiler.surface.build_file import (
    BuildFile,
    HarborEntry,
    ModeAEntry,
    ModeBEntry,
    ResourcesEntry,
    SplitEntry,
    TaskEntry,
)

BASE_IMAGE: Final = "python:3.13-slim-trixie"
EVALUATION_SECONDS: Final = 3600.0
SAMPLE_SECONDS: Final = 60.0
AGENT_SECONDS: Final = 7200.0
BUILD_SECONDS: Final = 1800.0
CONCURRENCY: Final = 4
RESCORE_TOP_K: Final = 3
REWARD_KEY: Final = "reward"
SCORER_FUNCTION: Final = "score"
FAILURE_VALUE: Final = 0.0
# One sample's score on a non_viewable split would be that sample's label, as good as shown.
MIN_SAMPLES: Final = {Access.VIEWABLE: 1, Access.NON_VIEWABLE: 5, Access.NO_ACCESS: 1}
NESTED_ENVIRONMENT: Final = "modal"
NESTED_ATTEMPTS: Final = 1
NESTED_RETRIES: Final = 2
WAIT_MULTIPLIER: Final = 1.0
MIN_WAIT: Final = 1.0
MAX_WAIT: Final = 60.0


def fill_defaults(file: BuildFile) -> Build:
    """The complete build. ``runner.base_image`` falls back to main's image."""
    head: dict[str, Any] = {
        "places": file.places,
        "name": file.name,
        "description": (file.description or "").strip(),
        "params": file.params,
        "gateways": fill_gateways(file.gateways, BASE_IMAGE),
        "sidecars": fill_sidecars(file),
    }
    task = file.task
    if task is None:
        return Bare(**head)
    common = {**head, **_fill_common(task)}
    if isinstance(task.mode, ModeAEntry):
        return _fill_a(task, task.mode, common)
    return _fill_b(task.mode, common)


def _fill_common(task: TaskEntry) -> dict[str, Any]:
    return {
        "seed": _fill_seed(task),
        "splits": tuple(_fill_split(entry, i) for i, entry in enumerate(task.splits)),
        "budgets": _fill_budgets(task),
        "targets": _fill_targets(task),
        "selection": _fill_selection(task),
        "failure_value": _or(task.failure_value, FAILURE_VALUE),
        "deterministic": task.deterministic,
        "secrets": _fill_secrets(task),
        "workbench": _fill_workbench(task),
        "evaluator": Evaluator(
            image=task.base_image_sidecar or BASE_IMAGE, resources=_resources(task, "evaluator")
        ),
        "runner": _fill_runner(task),
        "limits": _fill_limits(task),
    }


def _or[T](value: T | None, default: T) -> T:
    return default if value is None else value


def _fill_a(task: TaskEntry, mode: ModeAEntry, common: dict[str, Any]) -> ModeA:
    return ModeA(
        **common,
        dataset=mode.dataset,
        input_fields=mode.input_fields,
        command=mode.command,
        setup=mode.setup,
        scorer=Scorer(
            project=mode.task_project,
            module=mode.task_module,
            function=mode.task or SCORER_FUNCTION,
            requirements=mode.scorer_requirements,
        ),
        sample_seconds=_or(
            mode.sample_timeout, min(SAMPLE_SECONDS, _or(task.timeout, EVALUATION_SECONDS))
        ),
    )


def _fill_b(mode: ModeBEntry, common: dict[str, Any]) -> ModeB:
    return ModeB(
        **common,
        harbor=_fill_harbor(mode.harbor),
        inner_task=mode.inner_task,
        partition=mode.partition,
        partition_files=mode.partition_files,
    )


def _fill_harbor(entry: HarborEntry) -> NestedHarbor:
    environment = entry.environment or NESTED_ENVIRONMENT
    return NestedHarbor(
        agent_import_path=entry.agent_import_path,
        task_source=entry.task_source,
        environment=environment,
        environment_project=entry.environment_project,
        model=entry.model,
        n_attempts=_or(entry.n_attempts, NESTED_ATTEMPTS),
        retry=Retry(
            attempts=_or(entry.max_retries, NESTED_RETRIES),
            include=entry.retry.include,
            exclude=entry.retry.exclude,
            wait_multiplier=_or(entry.retry.wait_multiplier, WAIT_MULTIPLIER),
            min_wait=_or(entry.retry.min_wait, MIN_WAIT),
            max_wait=_or(entry.retry.max_wait, MAX_WAIT),
        ),
        reward_key=entry.reward_key,
        aggregate=Aggregate(entry.aggregate_attempts or Aggregate.MEAN),
        exceptions=tuple((name, Fault(fault)) for name, fault in entry.exceptions),
        requirement=entry.requirement or requirement_for(environment),
        extra_args=entry.extra_args,
    )


def _fill_seed(task: TaskEntry) -> Seed:
    return Seed(
        repository=task.agent_repo,
        ref=task.agent_ref,
        overlays=tuple(
            Overlay(source=entry.source, dest=entry.dest.rstrip("/"), path=("overlays", i))
            for i, entry in enumerate(task.overlays)
        ),
        read_only=tuple(path.rstrip("/") for path in task.read_only_paths),
    )


def _fill_split(entry: SplitEntry, index: int) -> Split:
    access = Access(entry.access)
    return Split(
        name=entry.split,
        access=access,
        min_samples=_or(entry.min_samples, MIN_SAMPLES[access]),
        path=("splits", index),
    )


def _fill_budgets(task: TaskEntry) -> tuple[Budget, ...]:
    return tuple(
        Budget(
            split=entry.split,
            runs=entry.total_run_budget,
            samples=entry.total_sample_budget,
            samples_per_run=entry.max_samples_per_run,
            path=("budgets", i),
        )
        for i, entry in enumerate(task.budgets)
    )


def _fill_targets(task: TaskEntry) -> tuple[Target, ...]:
    return tuple(
        Target(
            split=entry.split,
            reward_key=entry.reward_key or REWARD_KEY,
            sample_ids=entry.sample_ids,
            path=("targets", i),
        )
        for i, entry in enumerate(task.targets)
    )


def _fill_selection(task: TaskEntry) -> Selection:
    return Selection(
        split=task.selection_split,
        mode=RewardMode(task.reward_mode or RewardMode.AUTO_BEST),
        submit_enabled=task.submit_enabled,
        rescore_top_k=_or(task.rescore_top_k, RESCORE_TOP_K),
        baseline_floor=task.baseline_floor,
        score_baseline=task.score_baseline,
    )


def _fill_secrets(task: TaskEntry) -> tuple[Secret, ...]:
    return tuple(
        Secret(name=e.name, to=Recipient(e.to or Recipient.EVALUATOR), path=("secrets", i))
        for i, e in enumerate(task.secrets)
    )


def _fill_workbench(task: TaskEntry) -> Workbench:
    return Workbench(
        image=task.base_image_main or BASE_IMAGE,
        packages=task.packages,
        variables=task.agent_env,
        network=Reach(task.network or Reach.PUBLIC),
        resources=_resources(task, "main"),
        instruction_template=task.instruction_template,
    )


def _fill_runner(task: TaskEntry) -> Box:
    return Box(
        image=task.runner.base_image or task.base_image_main or BASE_IMAGE,
        packages=task.runner.packages,
        build=task.runner.build,
        network=Reach(task.runner.network or Reach.NONE),
        resources=_resources(task, "runner"),
    )


def _resources(task: TaskEntry, service: str) -> Resources:
    entry: ResourcesEntry | None = dict(task.resources).get(service)
    if entry is None:
        return Resources()
    return Resources(cpus=entry.cpus, memory=entry.memory, pids=entry.pids)


def _fill_limits(task: TaskEntry) -> Limits:
    return Limits(
        evaluation=_or(task.timeout, EVALUATION_SECONDS),
        agent=_or(task.agent_timeout, AGENT_SECONDS),
        build=_or(task.build_timeout, BUILD_SECONDS),
        finalize=task.verifier_timeout,
        concurrency=_or(task.max_concurrency, CONCURRENCY),
    )
