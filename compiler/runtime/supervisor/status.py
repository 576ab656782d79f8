"""The status that s6-supervise keeps of its service: `supervise/status`, binary, replaced whole.

Two layouts are known: 35 bytes up to s6 2.12, 43 from 2.13 on, which has a process group as well.
Imports nothing but os: it is part of what s6 runs at each death.
"""

from __future__ import annotations

import os

FILE = "supervise/status"
_SIZES = {35: 32, 43: 40}
_PAUSED, _FINISHING, _WANTED, _READY = 1, 2, 4, 8


class Status:
    """One moment of a service. `code` and `signal` are of the latest end, and None while it is up.

    `stamp` changes whenever the service goes up or down; it is no time that one may compute with.
    """

    def __init__(self, stamp: bytes, pid: int, wait: int, flags: int) -> None:
        self.stamp = stamp
        self.finishing = bool(flags & _FINISHING)
        # While finish runs, its process id stands there.
        self.up = pid != 0 and not self.finishing
        self.pid = pid if self.up else 0
        self.wanted = bool(flags & _WANTED)
        self.ready = self.up and bool(flags & _READY)
        self.code: int | None = None
        self.signal: int | None = None
        if not self.up and os.WIFSIGNALED(wait):
            self.signal = os.WTERMSIG(wait)
        elif not self.up:
            self.code = os.WEXITSTATUS(wait)

    @property
    def resting(self) -> bool:
        """Down, and nothing of it left to run."""
        return not self.up and not self.finishing


def decode_status(content: bytes) -> Status | None:
    """None when the layout is another one."""
    end = _SIZES.get(len(content))
    if end is None:
        return None
    return Status(
        stamp=content[:12],
        pid=int.from_bytes(content[24:32], "big"),
        wait=int.from_bytes(content[end : end + 2], "big"),
        flags=content[end + 2],
    )


def read_status_file(service: str) -> Status | None:
    """The status of the service in that folder; None when its layout is unknown.

    FileNotFoundError when nothing has ever supervised it.
    """
    file = os.open(f"{service}/{FILE}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return decode_status(os.read(file, 256))
    finally:
        os.close(file)
