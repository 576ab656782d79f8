"""A Harbor task as services, networks and volumes, before any text of it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compiler import contracts
from compiler.ir.build import Resources


class Trust(StrEnum):
    """How far a service is trusted, and with what."""

    UNTRUSTED = "untrusted"
    TRUSTED = "trusted"
    RUNS_UNTRUSTED = "runs untrusted code"
    DECLARED = "as its definition declares"


class Condition(StrEnum):
    """What one service waits for in another (the words are those of the Compose file)."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    DONE = "service_completed_successfully"


class Asset(StrEnum):
    """What is worth protecting, and may be in an image, a volume or an environment."""

    LABELS = "labels and samples"
    SCORER = "the scorer"
    LEDGER = "budgets and the ledger"
    SECRETS = "secrets"
    RESULTS = "results"
    CANDIDATES = "candidates' code"
    HOME = "the gateways' home"


@dataclass(frozen=True, slots=True, kw_only=True)
class FromCaller:
    """A part of a value: what the environment of the caller, ``of``, has in a variable."""

    name: str
    of: str = "harbor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable; ``value`` None means: required from the caller's environment.

    A tuple is text, in pieces, around what the caller's environment has.
    """

    name: str
    value: str | tuple[str | FromCaller, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A named volume in a container."""

    volume: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A file or folder of the host in a container: a path from the Compose file's folder, or one
    that the caller names."""

    source: str | FromCaller
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """The socket of the host's Docker engine in a container: whoever has it is root on the host."""

    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmpfs:
    """A memory file system: size in bytes, permission bits, whether programs in it may run."""

    target: str
    size: int
    mode: int
    executable: bool = False

    @property
    def files(self) -> int:
        """How many files and folders it may hold."""
        return max(1, self.size // contracts.PAGE_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """When a service counts as ready: seconds, and how many failures in a row are too many.

    ``command`` None is the image's own.
    """

    command: tuple[str, ...] | None
    interval: int
    timeout: int
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A container of the task. No network at all is an empty ``networks``.

    It is built from ``dockerfile``, or ``pulled`` names its image. ``image`` has what its image
    holds of the assets. ``capabilities`` None leaves the engine's own, but for ``cap_drop`` and
    ``cap_add``; a tuple means: all dropped but these. ``aliases`` are further names on each of its
    networks. ``entrypoint``, ``command`` and ``user`` None leave the image's own. ``stop_seconds``
    is how long it may take to end, None the engine's own 10. ``gpus`` is ``all``, a count, or ids
    of devices. A ``gate`` runs until the service it is for is ready. An ``interactive`` one has a
    terminal. One with ``restart`` is started again when it fails.
    """

    name: str
    role: str
    trust: Trust
    dockerfile: str | None
    image: tuple[Asset, ...]
    networks: tuple[str, ...]
    resources: Resources
    pulled: str | None = None
    aliases: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    user: str | None = None
    working_dir: str | None = None
    interactive: bool = False
    gate: bool = False
    init: bool = True
    sysctls: tuple[tuple[str, str], ...] = ()
    gpus: str | int | tuple[str, ...] | None = None
    environment: tuple[Variable, ...] = ()
    mounts: tuple[Mount, ...] = ()
    binds: tuple[Bind, ...] = ()
    socket: Socket | None = None
    tmpfs: tuple[Tmpfs, ...] = ()
    capabilities: tuple[str, ...] | None = None
    cap_drop: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    read_only: bool = False
    restart: bool = False
    healthcheck: Healthcheck | None = None
    stop_seconds: float | None = None
    depends_on: tuple[tuple[str, Condition], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network; an internal one leads nowhere else. ``existing`` is the name of one that the
    engine has already, and that is joined."""

    name: str
    internal: bool
    existing: str | None = None


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
    """The bounds of Harbor's phases, and what finalising may come to need."""

    build: Bound
    agent: Bound
    finalize: Bound
    finalize_needs: Bound
    verifier: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Services, networks and volumes in the order in which they are written."""

    services: tuple[Service, ...]
    networks: tuple[Network, ...]
    volumes: tuple[Volume, ...]

    def service(self, name: str) -> Service:
        """The service of that name; KeyError without one."""
        return {service.name: service for service in self.services}[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan(Plan):
    """The plan of a whole Harbor task."""

    timeouts: Timeouts
