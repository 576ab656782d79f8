"""The build file as the user wrote it: what may be left out is optional here."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.source.document import Places

type Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitEntry:
    """An item of ``splits``."""

    split: str
    access: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetEntry:
    """An item of ``budgets``."""

    split: str
    total_run_budget: int | None
    total_sample_budget: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """An item of ``targets``."""

    split: str
    reward_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerEntry:
    """The mapping ``runner``."""

    base_image: str | None
    packages: tuple[str, ...]
    build: tuple[Argv, ...]
    network: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFile:
    """A build file whose shape is right. Durations are seconds; ``places`` points at each key."""

    places: Places
    name: str
    description: str | None
    agent_repo: str
    agent_ref: str | None
    mode: str
    dataset: str
    input_fields: tuple[str, ...]
    command: Argv
    task_project: str
    task_module: str
    task: str | None
    scorer_requirements: str | None
    splits: tuple[SplitEntry, ...]
    budgets: tuple[BudgetEntry, ...]
    selection_split: str
    targets: tuple[TargetEntry, ...]
    secrets: tuple[str, ...]
    params: tuple[str, ...]
    base_image_main: str | None
    base_image_sidecar: str | None
    runner: RunnerEntry
    packages: tuple[str, ...]
    timeout: float | None
    sample_timeout: float | None
    agent_timeout: float | None
    max_concurrency: int | None
