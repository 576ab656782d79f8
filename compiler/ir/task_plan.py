"""A Harbor task as services, networks and volumes, before any text of it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Trust(StrEnum):
    """How far a service is trusted, and with what."""

    UNTRUSTED = "untrusted"
    TRUSTED = "trusted"
    RUNS_UNTRUSTED = "runs untrusted code"


class Condition(StrEnum):
    """What one service waits for in another (the words are those of the Compose file)."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"


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

    ``capabilities`` None leaves the engine's own; a tuple means: all dropped but these.
    """

    name: str
    role: str
    trust: Trust
    dockerfile: str
    networks: tuple[str, ...]
    environment: tuple[Variable, ...] = ()
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    capabilities: tuple[str, ...] | None = None
    read_only: bool = False
    processes: int | None = None
    healthcheck: Healthcheck | None = None
    depends_on: tuple[tuple[str, Condition], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network; an internal one leads nowhere else."""

    name: str
    internal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Bounds in seconds of Harbor's phases; ``passes/derive_timeouts`` says how each is derived."""

    build: float
    agent: float
    finalize: float
    verifier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """The whole task; services, networks and volumes in the order in which they are written."""

    services: tuple[Service, ...]
    networks: tuple[Network, ...]
    volumes: tuple[str, ...]
    timeouts: Timeouts

    def service(self, name: str) -> Service:
        """The service of that name; KeyError without one."""
        return {service.name: service for service in self.services}[name]
