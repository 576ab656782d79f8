"""Ending and reaping the processes of one user."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from .system import status_field
from .wipe import WipeError


def end_processes(uid: int, deadline: float) -> None:
    """Kills every process of `uid` but the caller, until none is left that could still act.

    The caller's effective user must be `uid`, and never root's: one signal to all processes that
    it may reach is the only kill that no forking can outrun.
    """
    if os.geteuid() != uid or 0 in os.getresuid():
        raise WipeError("only the sample's own user may end its processes")
    pause = 0.0002
    while True:
        kill_reachable()
        if not is_alive(uid):
            return
        if time.monotonic() > deadline:
            raise WipeError(f"processes of user {uid} do not end")
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def kill_reachable() -> None:
    """Kills all that this process may, but for itself; for root that would be everything."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def is_alive(uid: int) -> bool:
    """Whether a process of `uid`, other than the caller, could still run code."""
    own = str(os.getpid())
    return any(
        name.isdigit() and name != own and _acts_as(name, uid) for name in os.listdir("/proc")
    )


def _acts_as(pid: str, uid: int) -> bool:
    try:
        # What this process may not signal is no other process of its effective user.
        os.kill(int(pid), 0)
        if str(uid) not in status_field(pid, "Uid").split():
            return False
        # A leader that ended is a zombie for as long as another of its threads runs.
        has_ended = status_field(pid, "State")[:1] in "ZX"
        return not has_ended or status_field(pid, "Threads") not in ("", "0", "1")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def reap_ended() -> dict[int, int]:
    """Statuses of children that have ended, but for those kept; at most a thousand at once."""
    ended: dict[int, int] = {}
    while len(ended) < 1000:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if child == 0:
            break
        if child in _kept:
            _kept[child] = status
        else:
            ended[child] = status
    return ended


# Statuses of children that their starter asks for; None while they were not seen to end.
_kept: dict[int, int | None] = {}


def keep_status(child: int) -> None:
    """Keeps the status of a child for `status_of` and `end_child`, whoever reaps it."""
    _kept[child] = None


def status_of(child: int) -> int | None:
    """The status of a kept child that has ended, else None."""
    reap_ended()
    return _kept[child]


def end_child(child: int) -> int:
    """Sees a kept child off, by force when it still runs. Returns its status, which is forgotten.

    The caller must have the right to signal it, or know that it ends by itself.
    """
    status = status_of(child)
    if status is None:
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    del _kept[child]
    return status
