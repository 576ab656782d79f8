"""Ending and reaping the processes of one user."""

from __future__ import annotations

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
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        if not is_alive(uid):
            return
        if time.monotonic() > deadline:
            raise WipeError(f"processes of user {uid} do not end")
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def is_alive(uid: int) -> bool:
    """Whether a process of `uid`, other than the caller, could still run code."""
    own = str(os.getpid())
    return any(
        name.isdigit() and name != own and _acts_as(name, uid) for name in os.listdir("/proc")
    )


def _acts_as(pid: str, uid: int) -> bool:
    try:
        # The folder's owner is the process's user, or root when it is not open to that user.
        if os.stat(f"/proc/{pid}").st_uid not in (0, uid):
            return False
        if str(uid) not in status_field(pid, "Uid").split():
            return False
        # A leader that ended is a zombie for as long as another of its threads runs.
        has_ended = status_field(pid, "State")[:1] in "ZX"
        return not has_ended or status_field(pid, "Threads") not in ("", "0", "1")
    except (FileNotFoundError, ProcessLookupError):
        return False


def reap_ended() -> dict[int, int]:
    """Statuses of children that have ended; at most a thousand at once."""
    ended: dict[int, int] = {}
    while len(ended) < 1000:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if child == 0:
            break
        ended[child] = status
    return ended
