"""A tong's definition as the user wrote it: what may be left out is optional here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compiler.source.document import Places

type Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceEntry:
    """The mapping ``interface``."""

    kind: str
    port: int | None
    name: str | None
    transport: str | None
    path: str | None
    protocol: str | None
    volume: str | None
    mountpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessEntry:
    """The mapping ``readiness``; the timeout in seconds."""

    mode: str | None
    command: Argv | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TongFile:
    """A definition whose shape is right; ``places`` are those of its own keys.

    ``memory`` is in bytes; ``gpus`` and ``mounts`` are as written.
    """

    places: Places
    name: str
    description: str | None
    lifecycle: str
    image: str
    env: tuple[tuple[str, str], ...]
    interface: InterfaceEntry
    aliases: tuple[str, ...]
    readiness: ReadinessEntry
    mounts: tuple[str, ...]
    memory: int | None
    cpus: float | None
    pids: int | None
    gpus: Any
    networks: tuple[str, ...]
    entrypoint: Argv | None
    command: Argv | None
    depends_on: tuple[str, ...]
    user: str | None
    read_only: bool
    cap_drop: tuple[str, ...]
    cap_add: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisabledTong:
    """A definition that says ``disable: true``: whatever else it says, there is no such tong."""

    places: Places
    name: str


type TongEntry = TongFile | DisabledTong
