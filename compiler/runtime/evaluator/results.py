"""The folder that the optimiser reads: `<results>/<job>/`, complete or not there, never
overwritten.

A folder is staged and synced first, then the ledger records the job as done, then the folder
appears by rename. So each folder belongs to a finished job, and after a crash in between `recover`
finishes the step.
"""

from __future__ import annotations

import contextlib
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

    def stage(self, job: int, disclosed: Disclosed, repeats: int | None = None) -> None:
        """Writes a job's folder where nobody looks; its samples may be those of an earlier job."""
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
        elif repeats is not None:
            self._link_details(repeats, folder)
        _sync(folder)

    def _link_details(self, job: int, folder: Path) -> None:
        source = self._details(job)
        if source is not None:
            os.link(source, folder / DETAILS)

    def _details(self, job: int) -> Path | None:
        """The samples of a finished job, which appear with this if they did not yet."""
        self.publish(job)
        shown = self._folder / str(job) / DETAILS
        return shown if shown.exists() else None

    def discard(self, job: int) -> None:
        shutil.rmtree(self._staging / str(job), ignore_errors=True)

    def publish(self, job: int) -> None:
        """Makes a finished job's folder appear, if it has one and did not yet."""
        staged = self._staging / str(job)
        if staged.is_dir():
            with contextlib.suppress(FileNotFoundError):  # it has appeared in this moment
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
        """The per-sample documents of a finished job as the members of a JSON array."""
        source = self._details(job)
        if source is None:
            return b""
        return source.read_bytes().rstrip(b"\n").replace(b"\n", b",")


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
