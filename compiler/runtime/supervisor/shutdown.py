"""What s6-svscan runs when it is told to stop: everything down, and nobody left who holds it up.

A logger ends when the last holder of its pipe does. An orphan of a dead gateway would keep it, and
with it PID 1, until the engine loses its patience.
"""

from __future__ import annotations

import os
import signal
import time

from . import s6
from .holders import end_holders
from .names import MAIN_SLOT, SLOT_PREFIX

# Seconds between SIGTERM and SIGKILL for orphans.
ORPHAN_PATIENCE = 0.2
PAUSE = 0.01


def shut_down(scandir: str) -> None:
    """Returns when no slot is supervised any more, or s6-svscan itself is gone."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    slots = find_slots(scandir)
    s6.rescan(scandir, "t")
    while s6.is_scanned(scandir) and any(s6.is_supervised(slot) for slot in slots):
        time.sleep(PAUSE)
    while s6.is_scanned(scandir) and any(s6.is_supervised(f"{slot}/log") for slot in slots):
        end_pipe_holders(slots)
        time.sleep(PAUSE)


def find_slots(scandir: str) -> list[str]:
    """The folders of all slots in the scandir."""
    names = sorted(os.listdir(scandir))
    return [f"{scandir}/{n}" for n in names if n == MAIN_SLOT or n.startswith(SLOT_PREFIX)]


def end_pipe_holders(slots: list[str]) -> list[int]:
    """Ends whoever keeps a logger of these slots waiting for more, s6's own processes aside."""
    pipes = {pipe for slot in slots for pipe in _pipe_of(slot)}
    return end_holders(pipes, ORPHAN_PATIENCE, spare="s6-") if pipes else []


def _pipe_of(slot: str) -> list[tuple[int, int]]:
    try:
        logger = s6.read_status(f"{slot}/log")
        found = os.stat(f"/proc/{logger.pid}/fd/0")
    except (s6.NotSupervised, OSError):
        return []
    return [(found.st_dev, found.st_ino)] if logger.up else []
