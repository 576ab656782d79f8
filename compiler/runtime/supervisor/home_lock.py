"""One supervisor of a home: the lock that PID 1 holds for as long as its tree lives."""

from __future__ import annotations

import fcntl
import os
import time

from .files import Unusable, read_small
from .places import own_file
from .slot_run import HOME_LOCK_FD
from .slots import wait_for

FILE = "supervisor.lock"
# Who only looks whether it is held has it for an instant.
TAKE_SECONDS = 0.2


def take_home(home: str) -> bool:
    """Holds the home, through exec, at HOME_LOCK_FD. False: another container does."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(own_file(home, FILE), flags, 0o644)
    if not wait_for(lambda: _lock(file, fcntl.LOCK_EX), TAKE_SECONDS):
        os.close(file)
        return False
    os.ftruncate(file, 0)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    os.write(file, f"{os.uname().nodename} since {at}\n".encode())
    os.dup2(file, HOME_LOCK_FD, inheritable=True)
    if file != HOME_LOCK_FD:
        os.close(file)
    return True


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(home: str) -> bool:
    """Whether some container supervises the home."""
    try:
        file = os.open(own_file(home, FILE), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _lock(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def home_holder(home: str) -> str:
    """The host name of the container that holds the home, as far as it said so."""
    try:
        content = read_small(own_file(home, FILE)) or b""
    except Unusable:
        return "another container"
    line = content.decode("utf-8", "replace").strip()[:200]
    return "".join(c for c in line if c.isprintable()) or "another container"
