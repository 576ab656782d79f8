"""BuildFile -> Build: every default in one place."""

from __future__ import annotations

from typing import Final

from compiler.ir.build import (
    Access,
    Box,
    Budget,
    Build,
    Limits,
    ModeA,
    RunnerNetwork,
    Scorer,
    Seed,
    Split,
    Target,
)
from compiler.surface.build_file import BuildFile

BASE_IMAGE: Final = "python:3.13-slim-trixie"
EVALUATION_SECONDS: Final = 3600.0
SAMPLE_SECONDS: Final = 60.0
AGENT_SECONDS: Final = 7200.0
CONCURRENCY: Final = 4
REWARD_KEY: Final = "reward"
SCORER_FUNCTION: Final = "score"


def fill_defaults(file: BuildFile) -> Build:
    """The complete build. ``runner.base_image`` falls back to main's image."""
    image_main = file.base_image_main or BASE_IMAGE
    return ModeA(
        places=file.places,
        name=file.name,
        description=(file.description or "").strip(),
        seed=Seed(repository=file.agent_repo, ref=file.agent_ref),
        dataset=file.dataset,
        input_fields=file.input_fields,
        command=file.command,
        scorer=_fill_scorer(file),
        splits=_fill_splits(file),
        budgets=_fill_budgets(file),
        selection_split=file.selection_split,
        targets=_fill_targets(file),
        secrets=file.secrets,
        params=file.params,
        image_main=image_main,
        image_evaluator=file.base_image_sidecar or BASE_IMAGE,
        packages=file.packages,
        runner=_fill_runner(file, image_main),
        limits=_fill_limits(file),
    )


def _fill_scorer(file: BuildFile) -> Scorer:
    return Scorer(
        project=file.task_project,
        module=file.task_module,
        function=file.task or SCORER_FUNCTION,
        requirements=file.scorer_requirements,
    )


def _fill_splits(file: BuildFile) -> tuple[Split, ...]:
    return tuple(
        Split(name=entry.split, access=Access(entry.access), path=("splits", i))
        for i, entry in enumerate(file.splits)
    )


def _fill_budgets(file: BuildFile) -> tuple[Budget, ...]:
    return tuple(
        Budget(
            split=entry.split,
            runs=entry.total_run_budget,
            samples=entry.total_sample_budget,
            path=("budgets", i),
        )
        for i, entry in enumerate(file.budgets)
    )


def _fill_targets(file: BuildFile) -> tuple[Target, ...]:
    return tuple(
        Target(split=entry.split, reward_key=entry.reward_key or REWARD_KEY, path=("targets", i))
        for i, entry in enumerate(file.targets)
    )


def _fill_runner(file: BuildFile, image_main: str) -> Box:
    return Box(
        image=file.runner.base_image or image_main,
        packages=file.runner.packages,
        build=file.runner.build,
        network=RunnerNetwork(file.runner.network or RunnerNetwork.NONE),
    )


def _fill_limits(file: BuildFile) -> Limits:
    evaluation = file.timeout or EVALUATION_SECONDS
    return Limits(
        evaluation=evaluation,
        sample=file.sample_timeout or min(SAMPLE_SECONDS, evaluation),
        agent=file.agent_timeout or AGENT_SECONDS,
        concurrency=file.max_concurrency or CONCURRENCY,
    )
