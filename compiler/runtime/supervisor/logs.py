"""Reading the logs of gateways: `current`, and what was rotated away before it."""

from __future__ import annotations

import os
import time
from typing import BinaryIO

from .places import log_folder
from .plan import Plan

BLOCK = 65536
_OURS = "mooring: ended"


def tail_log(plan: Plan, name: str, count: int, *, settled: float = 0.0) -> list[str]:
    """The last lines, oldest first, without control characters.

    `settled`: seconds to wait at most for the line that tells of the gateway's end.
    """
    folder = log_folder(plan, name)
    end = time.monotonic() + settled
    lines = _last_lines(folder, count)
    while time.monotonic() < end and not (lines and _OURS in lines[-1]):
        time.sleep(0.02)
        lines = _last_lines(folder, count)
    return lines


def _last_lines(folder: str, count: int) -> list[str]:
    lines: list[str] = []
    for path in reversed(_files(folder)):
        if len(lines) >= count:
            break
        lines = [*_end_of(path, count - len(lines)), *lines]
    return [clean(line) for line in lines]


def _files(folder: str) -> list[str]:
    """Oldest first. A rotated file's name is `@` and a time."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith("@"))
    except OSError:
        return []
    return [f"{folder}/{name}" for name in [*names, "current"]]


def _end_of(path: str, count: int) -> list[str]:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            content = b""
            while size and content.count(b"\n") <= count:
                step = min(size, BLOCK)
                size -= step
                file.seek(size)
                content = file.read(step) + content
    except OSError:
        return []
    return content.decode("utf-8", "replace").splitlines()[-count:] if count else []


def clean(line: str) -> str:
    """What a gateway wrote must not move a cursor."""
    return "".join(c if c.isprintable() or c == "\t" else "�" for c in line)


class Follower:
    """New lines of one log, from the moment on that it is made; a rotation is followed."""

    def __init__(self, plan: Plan, name: str) -> None:
        self._path = f"{log_folder(plan, name)}/current"
        self._file = _open(self._path)
        if self._file:
            self._file.seek(0, os.SEEK_END)
        self._rest = b""

    def read(self) -> list[str]:
        """Whole lines that were written since."""
        content = self._file.read() if self._file else b""
        if not self._is_current():
            # Nothing more comes to the old one.
            if self._file:
                content += self._file.read()
                self._file.close()
            self._file = _open(self._path)
            content += self._file.read() if self._file else b""
        *lines, self._rest = (self._rest + content).split(b"\n")
        return [clean(line.decode("utf-8", "replace")) for line in lines]

    def close(self) -> None:
        """Lets go of the file."""
        if self._file:
            self._file.close()

    def _is_current(self) -> bool:
        try:
            return self._file is not None and os.path.samestat(
                os.stat(self._path), os.fstat(self._file.fileno())
            )
        except OSError:
            return True


def _open(path: str) -> BinaryIO | None:
    try:
        return open(path, "rb", buffering=0)
    except OSError:
        return None
