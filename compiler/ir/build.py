"""What the compiler knows of a build: complete, every default filled in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compiler.source.document import Path, Places

type Argv = tuple[str, ...]


class Access(StrEnum):
    """What the optimiser may see of a split."""

    VIEWABLE = "viewable"
    NON_VIEWABLE = "non_viewable"
    NO_ACCESS = "no_access"


class RunnerNetwork(StrEnum):
    """What a candidate may reach."""

    NONE = "none"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A split and its tier; ``path`` is the place of its entry in the build file."""

    name: str
    access: Access
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
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A split that the chosen candidate is scored on, and the reward's key for it."""

    split: str
    reward_key: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Where the agent's files come from: a path as written, and a commit-ish.

    ``ref`` None means: HEAD of a repository, the files as they lie of a plain folder.
    """

    repository: str
    ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """The trusted scorer: its folder as written, its module and function, its requirements file."""

    project: str
    module: str
    function: str
    requirements: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The runner: image, Debian packages, build commands, network."""

    image: str
    packages: tuple[str, ...]
    build: tuple[Argv, ...]
    network: RunnerNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds, and how many samples run at once."""

    evaluation: float
    sample: float
    agent: float
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeA:
    """A build whose candidates answer one sample at a time."""

    places: Places
    name: str
    description: str
    seed: Seed
    dataset: str
    input_fields: tuple[str, ...]
    command: Argv
    scorer: Scorer
    splits: tuple[Split, ...]
    budgets: tuple[Budget, ...]
    selection_split: str
    targets: tuple[Target, ...]
    secrets: tuple[str, ...]
    params: tuple[str, ...]
    image_main: str
    image_evaluator: str
    packages: tuple[str, ...]
    runner: Box
    limits: Limits

    def split(self, name: str) -> Split | None:
        """The listed split of that name."""
        return next((split for split in self.splits if split.name == name), None)


type Build = ModeA
