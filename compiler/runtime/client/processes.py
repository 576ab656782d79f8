"""Ending whatever a user left running, so that it can take no part in what follows."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from .errors import WORLD, ClientError

ATTEMPTS = 100
PAUSE = 0.02
# A uid that nobody has. The killer's real and saved ids are this one, so that the processes it is
# after may not signal it in turn.
SPARE_UID = 64999


def end_processes(uid: int) -> None:
    """Kill all processes of a user until none is left; for root only, since others cannot."""
    for _ in range(ATTEMPTS):
        left = list(processes_of(uid))
        if not left:
            return
        _kill_all(uid, left)
        time.sleep(PAUSE)
    raise ClientError(WORLD, f"processes of uid {uid} are left running")


def _kill_all(uid: int, known: list[int]) -> None:
    """All at once, which no fork can outrun; one by one where there is no room for a child."""
    try:
        child = os.fork()
    except OSError:
        for process in known:
            _kill(process)
        return
    if child == 0:
        _kill_as(uid)
    os.waitpid(child, 0)


def _kill_as(uid: int) -> None:
    """In a child: take the user's effective id and kill whatever may be killed; never returns."""
    try:
        os.setresuid(SPARE_UID, uid, SPARE_UID)
        os.kill(-1, signal.SIGKILL)
    finally:
        # Whether it worked is seen by who is left.
        os._exit(0)


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def processes_of(uid: int) -> Iterator[int]:
    """Processes with the uid as any of their ids; those that only wait to be collected aside."""
    for name in os.listdir("/proc"):
        if name.isdigit() and _belongs(name, uid):
            yield int(name)


def _belongs(process: str, uid: int) -> bool:
    try:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
    except (FileNotFoundError, ProcessLookupError):
        return False
    ids = fields.get("Uid", "").split()
    return str(uid) in ids and fields.get("State", "").strip()[:1] not in ("Z", "X")
