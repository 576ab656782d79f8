"""What `gateway status` and the health check say of each gateway."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from . import profiles, s6
from .manager import Manager, find_manager
from .places import slot_folder
from .plan import Plan
from .status import Status
from .tally import now, read_tally

RUNNING, STARTING, WAITING = "running", "starting", "waiting"
STOPPING, STOPPED, GAVE_UP, UNKNOWN = "stopping", "stopped", "gave-up", "unregistered"


@dataclass(frozen=True)
class View:
    """One gateway. `uptime` is in seconds; `state` is WAITING between a death and the next try."""

    profile: str
    state: str
    wanted: bool
    ready: bool
    pid: int | None
    uptime: float | None
    last_exit: str
    port: int | None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def view(plan: Plan, name: str, *, supervised: bool) -> View:
    """The gateway of a profile that there is."""
    seen = profiles.look_at(plan, name)
    slot = slot_folder(plan, name)
    status = _status(slot) if supervised else None
    state = _state(slot, status, seen.wish.wanted)
    pid = status.pid if status and status.up else None
    return View(
        profile=name,
        state=state,
        wanted=seen.wish.wanted,
        ready=bool(status and status.ready),
        pid=pid,
        uptime=_uptime(pid) if pid else None,
        last_exit=_last_exit(seen.last_exit, status),
        port=seen.port,
    )


def _status(slot: str) -> Status | None:
    try:
        return s6.read_status(slot)
    except s6.NotSupervised:
        return None


def _state(slot: str, status: Status | None, wanted: bool) -> str:
    if status is None:
        return UNKNOWN
    if status.ready:
        return RUNNING if status.wanted else STOPPING
    if status.up:
        return _coming_or_going(slot, status)
    if status.finishing:
        return STOPPING
    if status.wanted:
        return WAITING
    # A gateway that was given up keeps its wish. So does one whose stop could not be recorded.
    return GAVE_UP if wanted and not os.path.exists(f"{slot}/down") else STOPPED


def _coming_or_going(slot: str, status: Status) -> str:
    if not status.wanted:
        return STOPPING
    return WAITING if read_tally(slot).waiting else STARTING


def _last_exit(last: profiles.LastExit, status: Status | None) -> str:
    if last.verdict:
        return str(last)
    # A full disk kept the record from being written; s6's own is in memory.
    if status is None or status.up or (status.code, status.signal) == (0, None):
        return "none"
    return f"exit:{status.code}" if status.signal is None else f"signal:{status.signal}"


def _uptime(pid: int) -> float | None:
    """From the kernel: s6's own stamps are in a scale that builds of it disagree on."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return max(0.0, now() - int(fields[19]) / os.sysconf("SC_CLK_TCK"))


def find_ills(plan: Plan) -> list[str]:
    """Why the container is not healthy; empty when every wanted gateway is ready."""
    manager = find_manager(plan)
    if manager.reason:
        return [manager.reason]
    views = [view(plan, name, supervised=True) for name in profiles.list_profiles(plan)]
    return [f"{v.profile}: {v.state}" for v in views if v.wanted and v.state != RUNNING]


def manager_line(manager: Manager) -> str:
    """How the gateways are run here."""
    return f"Manager: {manager.kind}"


def duration(seconds: float | None) -> str:
    """For people: the two largest units."""
    if seconds is None:
        return "-"
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
