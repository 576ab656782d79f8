"""How far a long copy is, on standard error, on a terminal alone."""

from __future__ import annotations

import sys
import time
from typing import IO, Final, cast

_SILENT_SECONDS: Final = 1.0
_STEP_SECONDS: Final = 0.2


class _Shown:
    """A file whose writes are counted and told, from the second second on."""

    def __init__(self, file: IO[bytes], terminal: IO[str]) -> None:
        self._file = file
        self._terminal = terminal
        self._written = 0
        self._next = time.monotonic() + _SILENT_SECONDS
        self._told = False

    def write(self, piece: bytes) -> int:
        self._written += len(piece)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _STEP_SECONDS
            self._told = True
            self._terminal.write(f"\rreading the agent's files: {self._written // 10**6} MB")
            self._terminal.flush()
        return self._file.write(piece)

    def flush(self) -> None:
        if self._told:
            self._terminal.write("\r\x1b[K")
            self._terminal.flush()
            self._told = False
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()


def show_writes(file: IO[bytes], *, quiet: bool) -> IO[bytes]:
    """The file, telling on standard error how much was written where a person looks on."""
    if quiet or not sys.stderr.isatty():
        return file
    return cast("IO[bytes]", _Shown(file, sys.stderr))
