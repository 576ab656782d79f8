"""One gateway of a profile at a time, whoever started the other one.

The lock goes with the gateway's own process, so that it ends when that does and not before: a
gateway whose supervisor was killed still holds it. s6's own lock descriptor does not do that in the
versions that Debian has.
"""

from __future__ import annotations

import fcntl
import os
import time

from .pace import pause_after

FILE = ".mooring/lock"
# Out of the way of what programs expect at low numbers.
HIGH_FD = 10


def open_lock(folder: str) -> int:
    """The profile's lock, not yet taken; programs that are started keep it open."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(f"{folder}/{FILE}", flags, 0o644)
    try:
        return fcntl.fcntl(file, fcntl.F_DUPFD, HIGH_FD)
    finally:
        os.close(file)


def try_lock(file: int) -> bool:
    """Takes it if nobody holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def take_over(folder: str, file: int, patience: float) -> bool:
    """Takes the lock; whoever holds it is ended, by force after `patience` seconds."""
    if try_lock(file):
        return True
    from .holders import LAST_SECONDS, end_holders, target_of

    end_holders({target_of(f"{folder}/{FILE}")}, patience)
    # A process that ends has no descriptors to be seen for a moment in which it still has the lock.
    begun = time.monotonic()
    while not try_lock(file):
        waited = time.monotonic() - begun
        if waited >= LAST_SECONDS:
            return False
        time.sleep(pause_after(waited))
    return True


def end_gateway(folder: str, patience: float) -> list[int]:
    """Ends a gateway that nobody supervises any more. Returns the processes that there were."""
    try:
        file = open_lock(folder)
    except OSError:
        return []
    try:
        if try_lock(file):
            return []
        from .holders import end_holders, target_of

        return end_holders({target_of(f"{folder}/{FILE}")}, patience)
    finally:
        os.close(file)
