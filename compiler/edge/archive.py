"""The baseline's files -> its tar, read once: whoever looks at the files sees them on the way."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from compiler import contracts
from compiler.edge import git
from compiler.edge.world import WorldError
from compiler.ir.git_objects import EXECUTABLE, LINK, SUBMODULE, hash_object
from compiler.ir.project import Archive, Baseline, TreeEntry

_BLOCK: Final = 512


def open_spool(folder: Path) -> IO[bytes]:
    """A file without a name on the disk of ``folder``: gone with the process, however that ends."""
    while not folder.is_dir():
        folder = folder.parent
    try:
        return TemporaryFile(dir=folder)
    except OSError as error:
        raise WorldError(f"cannot write in {folder}: {error.strerror}") from error


@dataclass
class ArchiveWriter:
    """Makes the tar of a baseline: uncompressed, GNU format, pinned owner and time, raw names.

    With a ``spool`` the tar is kept there; without, only measured.
    """

    baseline: Baseline
    spool: IO[bytes] | None
    _digest: Any = field(default_factory=lambda: hashlib.sha256(usedforsecurity=False))
    _size: int = 0

    def read(self) -> Iterator[tuple[TreeEntry, bytes]]:
        """Each file with its content (of a link: its target), in git's order, written on the way.

        Raises WorldError where git fails or a file changed since it was listed.
        """
        for entry, content in _contents(self.baseline):
            if entry.mode == LINK:
                self._write(_header(entry, 0, content))
            else:
                self._write(_header(entry, len(content), b""))
                self._write(content)
                self._write(b"\0" * (-len(content) % _BLOCK))
            yield entry, content
        self._write(b"\0" * (2 * _BLOCK))
        if self.spool is not None:
            self.spool.flush()

    def archive(self) -> Archive:
        """The tar, once ``read`` is exhausted."""
        file = None if self.spool is None else self.spool.fileno()
        return Archive(sha256=self._digest.hexdigest(), size=self._size, file=file)

    def _write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._size += len(piece)
        if self.spool is not None:
            self.spool.write(piece)


def _header(entry: TreeEntry, size: int, link: bytes) -> bytes:
    info = tarfile.TarInfo(entry.path.decode("utf-8", "surrogateescape"))
    info.size = size
    info.mtime = contracts.BASELINE_TIME
    info.mode = 0o755 if entry.mode == EXECUTABLE else 0o644
    if entry.mode == LINK:
        info.type, info.mode = tarfile.SYMTYPE, 0o777
        info.linkname = link.decode("utf-8", "surrogateescape")
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _contents(baseline: Baseline) -> Iterator[tuple[TreeEntry, bytes]]:
    for entry, size, stream in _streams(baseline):
        content = stream.read(size)
        if len(content) != size:
            raise WorldError("a file of the agent's repository became shorter while it was read")
        yield entry, content


def _streams(baseline: Baseline) -> Iterator[tuple[TreeEntry, int, IO[bytes]]]:
    entries = [entry for entry in baseline.entries if entry.mode != SUBMODULE]
    wanted = [entry.blob for entry in entries if entry.source is None]
    stored = iter(git.read_blobs(baseline.git_dir, wanted)) if baseline.git_dir else iter(())
    for entry in entries:
        if entry.source is None:
            yield entry, *next(stored)
        else:
            content = _read_source(entry, entry.source, baseline.object_format)
            yield entry, len(content), BytesIO(content)
    # Exhausted, so that git's own exit code is looked at.
    assert next(stored, None) is None


def _read_source(entry: TreeEntry, source: bytes, object_format: str) -> bytes:
    try:
        if entry.mode == LINK:
            content = os.readlink(source)
        else:
            with open(source, "rb") as file:
                content = file.read()
    except OSError as error:
        raise WorldError(f"cannot read {os.fsdecode(source)}: {error.strerror}") from error
    if hash_object("blob", content, object_format) != entry.blob:
        raise WorldError(f"{os.fsdecode(source)} changed while it was read; run again")
    return content
