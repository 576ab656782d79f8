"""The folder that the optimiser reads: `<results>/<job>/`, complete or not there, never
overwritten.

A folder is staged and synced first, then the ledger records the job as done, then the folder
appears by rename. So each folder belongs to a finished job, and after a crash in between `recover`
finishes the step.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from .disclosure import Disclosed

_STAGING = ".staging"
RESULT = "result.json"
DETAILS = "samples.jsonl"


class Results:
    """Blocks on the file system: call it off the event loop. Failures are `OSError`: the
    machinery's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._staging = folder / _STAGING

    def open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o755)  # whatever the umask: others read it
        self._staging.mkdir(mode=0o700, exist_ok=True)

    def stage(self, job: int, disclosed: Disclosed) -> None:
        folder = self._staging / str(job)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
        _write(
            folder / RESULT,
            (json.dumps(disclosed.result, indent=2, allow_nan=False) + "\n").encode(),
        )
        if disclosed.details is not None:
            _write(folder / DETAILS, "".join(line + "\n" for line in disclosed.details).encode())
        _sync(folder)

    def discard(self, job: int) -> None:
        shutil.rmtree(self._staging / str(job), ignore_errors=True)

    def publish(self, job: int) -> None:
        """Makes a staged folder appear; a job without one has nothing to show."""
        staged = self._staging / str(job)
        if staged.is_dir():
            staged.rename(self._folder / str(job))
            _sync(self._folder)

    def recover(self, is_done: Callable[[int], bool]) -> None:
        """After a start: what was staged for finished jobs appears, the rest goes."""
        for staged in self._staging.iterdir():
            if staged.name.isdecimal() and is_done(int(staged.name)):
                self.publish(int(staged.name))
            else:
                shutil.rmtree(staged, ignore_errors=True)

    def details(self, job: int) -> bytes:
        """The per-sample documents of a published job as the members of a JSON array."""
        try:
            lines = (self._folder / str(job) / DETAILS).read_bytes()
        except FileNotFoundError:
            return b""
        return lines.rstrip(b"\n").replace(b"\n", b",")


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as stream:
        os.fchmod(stream.fileno(), 0o644)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
