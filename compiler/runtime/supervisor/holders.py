"""Processes that hold a file or a pipe open: found by looking, ended when they are in the way.

A target is the device and the inode of an open file; a pipe has them, too.
"""

from __future__ import annotations

import os
import signal
import time

# Seconds that a killed process gets to be gone.
LAST_SECONDS = 5.0


def find_holders(targets: set[tuple[int, int]]) -> list[int]:
    """Process ids, this one's left out, that have one of `targets` open.

    Only those that this user may look into: its own.
    """
    own = str(os.getpid())
    names = [name for name in os.listdir("/proc") if name.isdigit() and name != own]
    return [int(name) for name in names if _holds(name, targets)]


def _holds(pid: str, targets: set[tuple[int, int]]) -> bool:
    try:
        return any(
            _identity(f"/proc/{pid}/fd/{fd}") in targets for fd in os.listdir(f"/proc/{pid}/fd")
        )
    except OSError:
        return False


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def target_of(path: str) -> tuple[int, int]:
    """What is open at `path`, which may be a descriptor below /proc."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def process_name(pid: int) -> str:
    """The name of its program, at most 15 bytes; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def end_holders(targets: set[tuple[int, int]], patience: float, spare: str = "") -> list[int]:
    """Ends who holds `targets` open: SIGTERM, and after `patience` seconds SIGKILL to their groups.

    Processes whose name starts with `spare` are left alone. Returns those that it ended.
    """
    ended: set[int] = set()
    kill_at = time.monotonic() + patience
    pause = 0.002
    while True:
        found = [pid for pid in find_holders(targets) if not _is_spared(pid, spare)]
        if not found or time.monotonic() > kill_at + LAST_SECONDS:
            return sorted(ended)
        late = time.monotonic() >= kill_at
        for pid in found:
            if late:
                _kill(pid)
            elif pid not in ended:
                _signal(pid, signal.SIGTERM)
        ended.update(found)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def _is_spared(pid: int, prefix: str) -> bool:
    return bool(prefix) and process_name(pid).startswith(prefix)


def _kill(pid: int) -> None:
    """A holder, and what it started and did not let go of."""
    try:
        group = os.getpgid(pid)
    except OSError:
        return
    if group == pid and group != os.getpgrp():
        end_group(group)
    _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return


def end_group(group: int) -> None:
    """Kills a process group; nothing happens when it is none, or this process's own."""
    if group <= 1 or group == os.getpgrp():
        return
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        return
