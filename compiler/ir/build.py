"""What the compiler knows of a build: complete, every default filled in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compiler.ir.gateways import Gateways
from compiler.ir.sidecars import Sidecars
from compiler.source.document import Path, Places

type Argv = tuple[str, ...]


class Access(StrEnum):
    """What the optimiser may see of a split."""

    VIEWABLE = "viewable"
    NON_VIEWABLE = "non_viewable"
    NO_ACCESS = "no_access"


class Reach(StrEnum):
    """What a container may reach beside its peers."""

    NONE = "none"
    PUBLIC = "public"


class RewardMode(StrEnum):
    """Who chooses the result: the evaluator the best, or the optimiser by submitting."""

    AUTO_BEST = "auto_best"
    SUBMIT = "submit"


class Recipient(StrEnum):
    """Who gets a secret."""

    EVALUATOR = "evaluator"
    CANDIDATE = "candidate"


class Aggregate(StrEnum):
    """What several attempts at one inner task count as."""

    MEAN = "mean"
    BEST = "best"


class Fault(StrEnum):
    """Whose failure an exception of an inner trial is."""

    CANDIDATE = "candidate"
    MACHINERY = "machinery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A split and its tier; ``path`` is the place of its entry in the build file."""

    name: str
    access: Access
    min_samples: int
    path: Path

    @property
    def evaluable(self) -> bool:
        """True when the optimiser may ask for evaluations on it."""
        return self.access is not Access.NO_ACCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent on a split; None is unlimited."""

    split: str
    runs: int | None
    samples: int | None
    samples_per_run: int | None
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A split (or some of its samples) that the chosen candidate is scored on; the reward's key."""

    split: str
    reward_key: str
    sample_ids: tuple[str, ...] | None
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How the result is chosen."""

    split: str
    mode: RewardMode
    submit_enabled: bool
    rescore_top_k: int
    baseline_floor: bool
    score_baseline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A variable whose value the caller of Harbor has."""

    name: str
    to: Recipient
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A file or folder (as written) that is laid over the agent's repository at ``dest``."""

    source: str
    dest: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Where the agent's files come from: a path as written, a commit-ish, what lies over it.

    ``ref`` None means: HEAD of a repository, the files as they lie of a plain folder.
    """

    repository: str
    ref: str | None
    overlays: tuple[Overlay, ...]
    read_only: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Bounds of a container; memory in bytes. None leaves the engine's own."""

    cpus: float | None = None
    memory: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """main: image, packages, variables that the optimiser sees, network, bounds."""

    image: str
    packages: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    network: Reach
    resources: Resources
    instruction_template: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """The evaluation sidecar: image and bounds."""

    image: str
    resources: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The runner: image, Debian packages, build commands, network, bounds."""

    image: str
    packages: tuple[str, ...]
    build: tuple[Argv, ...]
    network: Reach
    resources: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds, and how many samples run at once. ``finalize`` None: derive it."""

    evaluation: float
    agent: float
    build: float
    finalize: float | None
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What both modes have."""

    places: Places
    name: str
    description: str
    params: tuple[str, ...]
    seed: Seed
    splits: tuple[Split, ...]
    budgets: tuple[Budget, ...]
    targets: tuple[Target, ...]
    selection: Selection
    failure_value: float
    deterministic: bool
    secrets: tuple[Secret, ...]
    workbench: Workbench
    evaluator: Evaluator
    runner: Box
    limits: Limits
    gateways: Gateways | None
    sidecars: Sidecars

    def split(self, name: str) -> Split | None:
        """The listed split of that name."""
        return next((split for split in self.splits if split.name == name), None)

    def secrets_to(self, recipient: Recipient) -> tuple[str, ...]:
        """The names of the secrets that the recipient gets."""
        return tuple(secret.name for secret in self.secrets if secret.to is recipient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """The trusted scorer: its folder as written, its module and function, its requirements file."""

    project: str
    module: str
    function: str
    requirements: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeA(Task):
    """A build whose candidates answer one sample at a time, within ``sample_seconds``."""

    dataset: str
    input_fields: tuple[str, ...]
    command: Argv
    setup: Argv | None
    scorer: Scorer
    sample_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Harbor's retries; None leaves Harbor's own list of exceptions. Waits in seconds."""

    attempts: int
    include: tuple[str, ...] | None
    exclude: tuple[str, ...] | None
    wait_multiplier: float
    min_wait: float
    max_wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedHarbor:
    """How the nested Harbor runs a candidate.

    ``environment_project`` is the folder, as written, that holds the environment's module.
    """

    agent_import_path: str
    task_source: str | None
    environment: str
    environment_project: str | None
    model: str | None
    n_attempts: int
    retry: Retry
    reward_key: str | None
    aggregate: Aggregate
    exceptions: tuple[tuple[str, Fault], ...]
    requirement: str
    extra_args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeB(Task):
    """A build whose candidates are agents, scored on other Harbor tasks.

    ``partition`` has the tasks of the splits written in the build file, ``partition_files`` the
    files (as written) that list those of the others.
    """

    harbor: NestedHarbor
    inner_task: str | None
    partition: tuple[tuple[str, tuple[str, ...]], ...]
    partition_files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """A build that optimises nothing: containers without a Harbor task, or nothing at all."""

    places: Places
    name: str
    description: str
    params: tuple[str, ...]
    gateways: Gateways | None
    sidecars: Sidecars

    @property
    def empty(self) -> bool:
        """True when there is nothing to write."""
        return self.gateways is None and not self.sidecars.sources


type Build = ModeA | ModeB | Bare
