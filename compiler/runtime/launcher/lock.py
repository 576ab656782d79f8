"""One launch at a time makes a shared container: a lock file for each of their names."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable

from .errors import LaunchError

PAUSE = 0.1


class Lock:
    """Held from `acquire` to `release`, or until the process ends in whatever way."""

    def __init__(self, folder: str, name: str) -> None:
        self._path = os.path.join(folder, re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".lock")
        self._file: int | None = None

    def acquire(self, is_cancelled: Callable[[], bool], on_wait: Callable[[], None]) -> bool:
        """Waits for it, and calls `on_wait` once if it must; False when it was cancelled."""
        file = self._open()
        waited = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waited:
                    on_wait()
                waited = True
            else:
                self._file = file
                return True
            if is_cancelled():
                os.close(file)
                return False
            time.sleep(PAUSE)

    def release(self) -> None:
        """May be called twice. The file stays: removing it would let two processes lock two."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _open(self) -> int:
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LaunchError(f"cannot lock {self._path}: {error.strerror}") from error
