"""What the compiler knows of the gateways: complete, every default filled in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from compiler.source.document import Path

type Unsettable = tuple[tuple[str, str | None], ...]
"""Environment variables; None unsets one."""

# The profile that is the home itself.
ROOT_PROFILE: Final = "default"


class Readiness(StrEnum):
    """When a gateway counts as ready: its port answers, or as soon as it runs."""

    TCP = "tcp"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """A gateway is ready when it has written a newline to this file descriptor."""

    fd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile to create at the first boot; ``start``: its gateway is wanted running then."""

    name: str
    start: bool
    env: Unsettable
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPolicy:
    """``deaths`` within ``window`` give a gateway up; waits grow to ``max_backoff``. Seconds."""

    deaths: int
    window: float
    max_backoff: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A file or folder (as written) that is copied into the image at ``dest``."""

    source: str
    dest: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateways:
    """The container of supervised gateways. ``ports`` are the first and the last one to give."""

    image: str
    packages: tuple[str, ...]
    files: tuple[Installed, ...]
    user: str
    home: str
    marker: str
    command: tuple[str, ...]
    env: Unsettable
    profiles: tuple[Profile, ...]
    ports: tuple[int, int]
    readiness: Readiness | Notified
    crash: CrashPolicy
    stop_seconds: float

    def names(self) -> tuple[str, ...]:
        """The declared profiles."""
        return tuple(profile.name for profile in self.profiles)
