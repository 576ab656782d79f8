"""GatewaysEntry -> Gateways: every default in one place."""

from __future__ import annotations

from typing import Final

from compiler.ir.gateways import CrashPolicy, Gateways, Installed, Notified, Profile, Readiness
from compiler.surface.build_file import CrashEntry, GatewaysEntry

HOME: Final = "/opt/data"
USER: Final = "agent"
MARKER: Final = "SOUL.md"
PORT_RANGE: Final = "9200-9799"
STOP_SECONDS: Final = 8.0
DEATHS: Final = 5
WINDOW_SECONDS: Final = 60.0
MAX_BACKOFF_SECONDS: Final = 30.0


def fill_gateways(entry: GatewaysEntry | None, image: str) -> Gateways | None:
    """The complete gateways; ``image`` is the one without a ``base_image`` of their own."""
    if entry is None:
        return None
    first, last = (entry.port_range or PORT_RANGE).split("-")
    return Gateways(
        image=entry.base_image or image,
        packages=entry.packages,
        files=tuple(
            Installed(source=e.source, dest=e.dest, path=("gateways", "files", i))
            for i, e in enumerate(entry.files)
        ),
        user=entry.user or USER,
        home=entry.home or HOME,
        marker=entry.marker or MARKER,
        command=entry.command,
        env=entry.env,
        profiles=tuple(
            Profile(name=e.name, start=e.start, env=e.env, path=("gateways", "profiles", i))
            for i, e in enumerate(entry.profiles)
        ),
        ports=(int(first), int(last)),
        readiness=_fill_readiness(entry.readiness),
        crash=_fill_crash(entry.crash),
        stop_seconds=STOP_SECONDS if entry.stop_timeout is None else entry.stop_timeout,
    )


def _fill_crash(entry: CrashEntry) -> CrashPolicy:
    return CrashPolicy(
        deaths=DEATHS if entry.deaths is None else entry.deaths,
        window=WINDOW_SECONDS if entry.window is None else entry.window,
        max_backoff=MAX_BACKOFF_SECONDS if entry.max_backoff is None else entry.max_backoff,
    )


def _fill_readiness(written: str | int | None) -> Readiness | Notified:
    if isinstance(written, int):
        return Notified(fd=written)
    return Readiness(written or Readiness.TCP)
