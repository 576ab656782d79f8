"""A tong: one sidecar, complete, every default filled in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from compiler.source.document import Places

type Argv = tuple[str, ...]


class Lifecycle(StrEnum):
    """How long a tong's container lives: as its anvil does, or until somebody takes it down."""

    SESSION = "session"
    SHARED = "shared"


class Kind(StrEnum):
    """How the anvil reaches a tong."""

    MCP = "mcp"
    PORT = "port"
    VOLUME = "volume"
    NONE = "none"


class ReadinessMode(StrEnum):
    """When a tong counts as ready: its port answers, a check passes, or as soon as it runs."""

    TCP = "tcp"
    HEALTHCHECK = "healthcheck"
    NONE = "none"


class Layer(StrEnum):
    """Where a definition comes from, the lowest first; BUILD is a build file's own list."""

    USER = "user"
    ORG = "org"
    REPO = "repo"
    WORKSPACE = "workspace"
    BUILD = "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """``${secret:<provider>:<reference>}`` in a value."""

    provider: str
    reference: str


type Value = tuple[str | SecretReference, ...]
"""A variable's value: text in pieces, and what a provider has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What a tong offers. ``port``, ``name`` and ``path`` are those of an MCP server or a port,
    ``volume`` and ``mountpoint`` those of a volume; the others are None."""

    kind: Kind
    port: int | None = None
    name: str | None = None
    path: str | None = None
    protocol: str | None = None
    volume: str | None = None
    mountpoint: str | None = None

    @property
    def on_network(self) -> bool:
        """True when the tong is reached over a network."""
        return self.kind in (Kind.MCP, Kind.PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """How a tong is awaited, and for how many seconds at most.

    ``command`` None in the mode ``healthcheck`` means: the image's own HEALTHCHECK.
    """

    mode: ReadinessMode
    command: Argv | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceMount:
    """The workspace in the container."""

    target: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketMount:
    """The socket of the host's Docker engine in the container."""

    target: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount:
    """A named volume in the container."""

    volume: str
    target: str
    read_only: bool


type Mount = WorkspaceMount | SocketMount | VolumeMount
type Gpus = str | int | tuple[str, ...]
"""``all``, a count, or ids of devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the container may use; memory in bytes. None leaves the engine's own."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None
    gpus: Gpus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tong:
    """A definition. ``at`` is its place in the file of ``places``: () but for an inline one."""

    name: str
    description: str
    lifecycle: Lifecycle
    image: str
    environment: tuple[tuple[str, Value], ...]
    interface: Interface
    aliases: tuple[str, ...]
    readiness: Readiness
    mounts: tuple[Mount, ...]
    resources: Bounds
    networks: tuple[str, ...]
    entrypoint: Argv | None
    command: Argv | None
    depends_on: tuple[str, ...]
    user: str | None
    read_only: bool
    cap_drop: tuple[str, ...]
    cap_add: tuple[str, ...]
    layer: Layer
    places: Places

    @property
    def has_secrets(self) -> bool:
        """True when a value holds a reference to a secret."""
        return any(isinstance(p, SecretReference) for _, value in self.environment for p in value)

    @property
    def mounts_workspace(self) -> bool:
        """True when the workspace is in the container."""
        return any(isinstance(mount, WorkspaceMount) for mount in self.mounts)

    @property
    def has_socket(self) -> bool:
        """True when the container has the engine's socket."""
        return any(isinstance(mount, SocketMount) for mount in self.mounts)


type Definition = dict[str, Any]
"""A definition as plain data for JSON."""
