"""The content of a file of the output, as a stream of bytes."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Final

from compiler import contracts
from compiler.edge import git
from compiler.edge.world import WorldError
from compiler.ir.git_objects import EXECUTABLE, LINK, SUBMODULE, hash_object
from compiler.ir.project import Baseline, TreeEntry
from compiler.output.file_set import Archived, Content, Copied, Linked, Made

_CHUNK: Final = 1024 * 1024
_BLOCK: Final = 512


def stream_content(content: Content) -> Iterator[bytes]:
    """The bytes of a file (of a link: its target) in pieces; WorldError where an input vanished."""
    if isinstance(content, Made):
        yield content.content
    elif isinstance(content, Linked):
        yield os.fsencode(content.target)
    elif isinstance(content, Archived):
        yield from _stream_archive(content.baseline)
    else:
        yield from _stream_copy(content)


def _stream_copy(content: Copied) -> Iterator[bytes]:
    try:
        with open(content.source, "rb") as file:
            while piece := file.read(_CHUNK):
                yield piece
    except OSError as error:
        raise WorldError(f"cannot read {content.source}: {error.strerror}") from error


def _stream_archive(baseline: Baseline) -> Iterator[bytes]:
    """An uncompressed GNU tar of the raw blobs: pinned owner and time, raw names, git's order."""
    for entry, size, stream in _blobs(baseline):
        if entry.mode == LINK:
            yield _header(entry, 0, stream.read(size))
            continue
        yield _header(entry, size, b"")
        yield from _pieces(stream, size)
        yield b"\0" * (-size % _BLOCK)
    yield b"\0" * (2 * _BLOCK)


def read_baseline_files(baseline: Baseline) -> Iterator[tuple[TreeEntry, bytes]]:
    """Each file of a baseline with its content; of a link, its target."""
    for entry, size, stream in _blobs(baseline):
        yield entry, stream.read(size)


def _pieces(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size:
        piece = stream.read(min(size, _CHUNK))
        if not piece:
            raise WorldError("a file of the agent's repository became shorter while it was read")
        size -= len(piece)
        yield piece


def _header(entry: TreeEntry, size: int, link: bytes) -> bytes:
    info = tarfile.TarInfo(entry.path.decode("utf-8", "surrogateescape"))
    info.size = size
    info.mtime = contracts.BASELINE_TIME
    info.mode = 0o755 if entry.mode == EXECUTABLE else 0o644
    if entry.mode == LINK:
        info.type, info.mode = tarfile.SYMTYPE, 0o777
        info.linkname = link.decode("utf-8", "surrogateescape")
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _blobs(baseline: Baseline) -> Iterator[tuple[TreeEntry, int, IO[bytes]]]:
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


def digest_content(content: Content) -> str:
    """The SHA-256 of the content, hex."""
    digest = hashlib.sha256(usedforsecurity=False)
    for piece in stream_content(content):
        digest.update(piece)
    return digest.hexdigest()
