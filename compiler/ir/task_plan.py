"""A Harbor task as services, networks and volumes, before any text of it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compiler.ir.build import Resources


class Trust(StrEnum):
    """How far a service is trusted, and with what."""

    UNTRUSTED = "untrusted"
    TRUSTED = "trusted"
    RUNS_UNTRUSTED = "runs untrusted code"


class Condition(StrEnum):
    """What one service waits for in another (the words are those of the Compose file)."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"


class Asset(StrEnum):
    """What is worth protecting, and may be in an image, a volume or an environment."""

    LABELS = "labels and samples"
    SCORER = "the scorer"
    LEDGER = "budgets and the ledger"
    SECRETS = "secrets"
    RESULTS = "results"
    CANDIDATES = "candidates' code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable; ``value`` None means: required from the caller's environment."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A named volume in a container."""

    volume: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmpfs:
    """A memory file system: size in bytes, permission bits, whether programs in it may run."""

    target: str
    size: int
    mode: int
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """When a service counts as ready: seconds, and how many failures in a row are too many."""

    command: tuple[str, ...]
    interval: int
    timeout: int
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A container of the task. No network at all is an empty ``networks``.

    ``image`` has what its image holds of the assets. ``capabilities`` None leaves the engine's own;
    a tuple means: all dropped but these.
    """

    name: str
    role: str
    trust: Trust
    dockerfile: str
    image: tuple[Asset, ...]
    networks: tuple[str, ...]
    resources: Resources
    environment: tuple[Variable, ...] = ()
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    capabilities: tuple[str, ...] | None = None
    read_only: bool = False
    healthcheck: Healthcheck | None = None
    depends_on: tuple[tuple[str, Condition], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network; an internal one leads nowhere else."""

    name: str
    internal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A named volume, and the assets that its content is."""

    name: str
    holds: tuple[Asset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A time limit in seconds, and how it came about."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The bounds of Harbor's phases."""

    build: Bound
    agent: Bound
    finalize: Bound
    verifier: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """The whole task; services, networks and volumes in the order in which they are written."""

    services: tuple[Service, ...]
    networks: tuple[Network, ...]
    volumes: tuple[Volume, ...]
    timeouts: Timeouts

    def service(self, name: str) -> Service:
        """The service of that name; KeyError without one."""
        return {service.name: service for service in self.services}[name]
