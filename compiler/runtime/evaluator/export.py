"""The session as one file that outlives the evaluator: `<admin>/export/session.tar`.

    manifest.json       version, task, problem, files (path, bytes, sha256), omitted (path, cause)
    finalization.json   the document
    ledger.sqlite       a consistent copy
    candidates.bundle   the baseline and every candidate that was received, complete
    results/<job>/...   what the optimiser was shown

Nothing in it is a label or a secret. What would make it larger than `MOST_BYTES`, or take longer
than `EXPORT_SECONDS`, or cannot be read, is left out and named in the manifest. It appears whole,
by rename; a later one takes its place.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .candidates import CandidateStore, MachineryFailure
from .finalization import FILE_NAME as FINALIZATION
from .ledger import Ledger
from .ledger_file import FILE_NAME as LEDGER
from .plan import Plan
from .records import LedgerUnusable

FOLDER = "export"
NAME = "session.tar"
# What the finalization document says of an archive that nothing is left out of.
COMPLETE: Mapping[str, str | None] = {"file": f"{FOLDER}/{NAME}", "problem": None}
MOST_BYTES = 1 << 30
EXPORT_SECONDS = 45.0
_SCRATCH = "export.new"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What there is to export; what an evaluator could not open is `None`."""

    plan: Plan
    ledger: Ledger | None
    store: CandidateStore | None


@dataclass(slots=True)
class _Archive:
    """A tar in the making, its manifest, and what is left of its bounds."""

    tar: tarfile.TarFile
    deadline: float
    room: int
    files: list[dict[str, object]] = field(default_factory=list)
    omitted: list[dict[str, str]] = field(default_factory=list)

    def seconds(self) -> float:
        return self.deadline - time.monotonic()

    def add(self, name: str, stream: io.BufferedReader) -> None:
        """One file, as it is now; one that does not fit is left out."""
        size = os.fstat(stream.fileno()).st_size
        cause = "the time was over" if self.seconds() <= 0 else None
        cause = "the archive would be too large" if size > self.room else cause
        if cause is not None:
            self.omit(name, cause)
            return
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        self._write(name, size, stream)
        self.room -= size
        self.files.append({"path": name, "bytes": size, "sha256": digest})

    def omit(self, name: str, cause: str) -> None:
        self.omitted.append({"path": name, "cause": cause})

    def finish(self, task: str, problem: str | None) -> None:
        manifest = {
            "version": 1,
            "task": task,
            "problem": problem,
            "files": self.files,
            "omitted": self.omitted,
        }
        data = (json.dumps(manifest, indent=2) + "\n").encode()
        self._write("manifest.json", len(data), io.BytesIO(data))

    def _write(self, name: str, size: int, stream: IO[bytes]) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o644
        self.tar.addfile(member, stream)


def export_session(
    sources: Sources, document: str | None, problem: str | None
) -> Mapping[str, str | None]:
    """Writes the archive, and gives what is to be said of it; blocks. OSError when even that cannot
    be done: then an earlier one, if there is one, stays. `problem` says why a session has no
    document.
    """
    admin = sources.plan.paths.admin
    scratch = admin / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    try:
        omitted = _write_archive(sources, scratch, document, problem)
        (admin / FOLDER).mkdir(mode=0o700, exist_ok=True)
        (scratch / NAME).replace(admin / FOLDER / NAME)
        _sync(admin / FOLDER)
        left_out = ", ".join(f"{entry['path']} ({entry['cause']})" for entry in omitted)
        return {**COMPLETE, "problem": f"left out: {left_out}"[:2000]} if omitted else COMPLETE
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_archive(
    sources: Sources, scratch: Path, document: str | None, problem: str | None
) -> list[dict[str, str]]:
    with (scratch / NAME).open("xb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            archive = _Archive(tar, time.monotonic() + EXPORT_SECONDS, MOST_BYTES)
            if document is not None:
                (scratch / FINALIZATION).write_text(document, encoding="utf-8")
                _add(archive, FINALIZATION, scratch / FINALIZATION)
            _make(archive, LEDGER, scratch, lambda path: _copy_ledger(sources, path, document))
            _add_results(archive, sources.plan.paths.results)
            bundle = "candidates.bundle"
            _make(archive, bundle, scratch, lambda path: _bundle(sources, path, archive))
            archive.finish(sources.plan.task, problem)
        file.flush()
        os.fsync(file.fileno())
    return archive.omitted


def _make(archive: _Archive, name: str, scratch: Path, make: Callable[[Path], None]) -> None:
    """Adds a file that is made for it, or says why there is none."""
    path = scratch / name
    try:
        make(path)
    except (MachineryFailure, LedgerUnusable, OverflowError) as error:
        archive.omit(name, str(error))
    else:
        _add(archive, name, path)
    path.unlink(missing_ok=True)


def _copy_ledger(sources: Sources, path: Path, document: str | None) -> None:
    """A copy of an open ledger, or the bytes of one that cannot be used: they may still be read."""
    if sources.ledger is not None:
        sources.ledger.copy_to(path, document)
        return
    try:
        shutil.copyfile(sources.plan.paths.admin / LEDGER, path)
    except OSError as error:
        raise LedgerUnusable(f"the ledger cannot be read: {error.strerror}") from error


def _bundle(sources: Sources, path: Path, archive: _Archive) -> None:
    if sources.store is None or sources.ledger is None:
        raise MachineryFailure("the candidates were not opened")
    if archive.seconds() <= 0:
        raise MachineryFailure("the time was over")
    commits = [candidate.commit for candidate in sources.ledger.candidates()]
    sources.store.bundle(commits, path, archive.room, archive.seconds())


def _add_results(archive: _Archive, folder: Path) -> None:
    for path in _results(folder):
        _add(archive, f"results/{path.parent.name}/{path.name}", path)


def _results(folder: Path) -> Iterator[Path]:
    """The files of the jobs' folders, in the order of the jobs."""
    try:
        jobs = [entry for entry in folder.iterdir() if entry.name.isdecimal()]
    except OSError:
        return
    for job in sorted(jobs, key=lambda job: int(job.name)):
        yield from sorted(job.iterdir())


def _add(archive: _Archive, name: str, path: Path) -> None:
    with path.open("rb") as stream:
        archive.add(name, stream)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
