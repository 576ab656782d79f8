"""One supervisor of a home: the lock that PID 1 holds for as long as its tree lives."""

from __future__ import annotations

import fcntl
import os
import time

from .files import Unusable, read_small
from .places import own_file
from .slot_run import HOME_LOCK_FD

FILE = "supervisor.lock"


def take_home(home: str) -> bool:
    """Holds the home, through exec, at HOME_LOCK_FD. False: another container does."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(own_file(home, FILE), flags, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    os.ftruncate(file, 0)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    os.write(file, f"{os.uname().nodename} since {at}\n".encode())
    os.dup2(file, HOME_LOCK_FD, inheritable=True)
    if file != HOME_LOCK_FD:
        os.close(file)
    return True


def home_holder(home: str) -> str:
    """The host name of the container that holds the home, as far as it said so."""
    try:
        content = read_small(own_file(home, FILE)) or b""
    except Unusable:
        return "another container"
    line = content.decode("utf-8", "replace").strip()[:200]
    return "".join(c for c in line if c.isprintable()) or "another container"
