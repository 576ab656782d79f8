"""The build file as the user wrote it: what may be left out is optional here."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.source.document import Document, Places

type Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitEntry:
    """An item of ``splits``."""

    split: str
    access: str
    min_samples: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetEntry:
    """An item of ``budgets``."""

    split: str
    total_run_budget: int | None
    total_sample_budget: int | None
    max_samples_per_run: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """An item of ``targets``."""

    split: str
    reward_key: str | None
    sample_ids: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretEntry:
    """An item of ``secrets``."""

    name: str
    to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayEntry:
    """An item of ``overlays`` or of ``gateways.files``."""

    source: str
    dest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerEntry:
    """The mapping ``runner``."""

    base_image: str | None
    packages: tuple[str, ...]
    build: tuple[Argv, ...]
    network: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesEntry:
    """One mapping of ``resources``; memory in bytes."""

    cpus: float | None
    memory: int | None
    pids: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryEntry:
    """The mapping ``harbor.retry``; waits in seconds."""

    include: tuple[str, ...] | None
    exclude: tuple[str, ...] | None
    wait_multiplier: float | None
    min_wait: float | None
    max_wait: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HarborEntry:
    """The mapping ``harbor``."""

    agent_import_path: str
    task_source: str | None
    environment: str | None
    environment_project: str | None
    model: str | None
    n_attempts: int | None
    max_retries: int | None
    retry: RetryEntry
    reward_key: str | None
    aggregate_attempts: str | None
    exceptions: tuple[tuple[str, str], ...]
    requirement: str | None
    extra_args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeAEntry:
    """The keys of mode A."""

    dataset: str
    input_fields: tuple[str, ...]
    command: Argv
    setup: Argv | None
    task_project: str
    task_module: str
    task: str | None
    scorer_requirements: str | None
    sample_timeout: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeBEntry:
    """The keys of mode B."""

    harbor: HarborEntry
    inner_task: str | None
    partition: tuple[tuple[str, tuple[str, ...]], ...]
    partition_files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEntry:
    """An item of ``gateways.profiles``. A variable whose value is None is unset."""

    name: str
    start: bool
    env: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashEntry:
    """The mapping ``gateways.crash``; times in seconds."""

    deaths: int | None
    window: float | None
    max_backoff: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaysEntry:
    """The mapping ``gateways``; times in seconds. A variable whose value is None is unset.

    ``readiness`` is a word, or the number of a file descriptor.
    """

    home: str | None
    command: Argv
    user: str | None
    profiles: tuple[ProfileEntry, ...]
    marker: str | None
    env: tuple[tuple[str, str | None], ...]
    port_range: str | None
    readiness: str | int | None
    crash: CrashEntry
    stop_timeout: float | None
    packages: tuple[str, ...]
    files: tuple[OverlayEntry, ...]
    base_image: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntry:
    """The keys that both modes have. Durations are seconds."""

    agent_repo: str
    agent_ref: str | None
    mode: ModeAEntry | ModeBEntry
    read_only_paths: tuple[str, ...]
    overlays: tuple[OverlayEntry, ...]
    instruction_template: str | None
    failure_value: float | None
    deterministic: bool
    splits: tuple[SplitEntry, ...]
    budgets: tuple[BudgetEntry, ...]
    selection_split: str
    targets: tuple[TargetEntry, ...]
    reward_mode: str | None
    submit_enabled: bool
    rescore_top_k: int | None
    score_baseline: bool
    baseline_floor: bool
    secrets: tuple[SecretEntry, ...]
    agent_env: tuple[tuple[str, str], ...]
    base_image_main: str | None
    base_image_sidecar: str | None
    runner: RunnerEntry
    packages: tuple[str, ...]
    network: str | None
    resources: tuple[tuple[str, ResourcesEntry], ...]
    timeout: float | None
    agent_timeout: float | None
    build_timeout: float | None
    verifier_timeout: float | None
    max_concurrency: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TongPath:
    """An item of ``tongs`` that names files; ``index`` is its place in the list."""

    path: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TongDocument:
    """A definition as it stands in a file, or in the list ``tongs``, with its name."""

    name: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class AnvilEntry:
    """The mapping ``anvil``."""

    image: str
    argv: Argv | None
    network: str | None
    workspace: str | None
    harness: str | None
    env_prefix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFile:
    """A build file whose shape is right; ``places`` points at each key.

    ``task`` is None without ``agent_repo``: nothing is optimised then.
    """

    places: Places
    name: str
    description: str | None
    params: tuple[str, ...]
    task: TaskEntry | None
    gateways: GatewaysEntry | None
    tongs: tuple[TongPath | TongDocument, ...]
    anvil: AnvilEntry | None
    allow_docker_socket: bool
