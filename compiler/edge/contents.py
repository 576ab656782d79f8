"""The content of a file of the output, as a stream of bytes."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from typing import IO, Final

from compiler import contracts
from compiler.edge import git
from compiler.edge.world import WorldError
from compiler.ir.git_objects import EXECUTABLE, LINK, hash_object
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
    blobs = _git_blobs(baseline) if baseline.git_dir else _plain_blobs(baseline)
    for entry, size, stream in blobs:
        if entry.mode == LINK:
            yield _header(entry, 0, stream.read(size))
            continue
        yield _header(entry, size, b"")
        yield from _pieces(stream, size)
        yield b"\0" * (-size % _BLOCK)
    yield b"\0" * (2 * _BLOCK)


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


def _git_blobs(baseline: Baseline) -> Iterator[tuple[TreeEntry, int, IO[bytes]]]:
    assert baseline.git_dir is not None
    found = git.read_blobs(baseline.git_dir, [entry.blob for entry in baseline.entries])
    for entry, (size, stream) in zip(baseline.entries, found, strict=True):
        yield entry, size, stream


def _plain_blobs(baseline: Baseline) -> Iterator[tuple[TreeEntry, int, IO[bytes]]]:
    from io import BytesIO

    for entry in baseline.entries:
        full = os.path.join(os.fsencode(baseline.folder), entry.path)
        try:
            if entry.mode == LINK:
                content = os.readlink(full)
            else:
                with open(full, "rb") as file:
                    content = file.read()
        except OSError as error:
            raise WorldError(f"cannot read {os.fsdecode(full)}: {error.strerror}") from error
        if hash_object("blob", content, baseline.object_format) != entry.blob:
            raise WorldError(f"{os.fsdecode(full)} changed while it was read; run again")
        yield entry, len(content), BytesIO(content)


def digest_content(content: Content) -> str:
    """The SHA-256 of the content, hex."""
    digest = hashlib.sha256(usedforsecurity=False)
    for piece in stream_content(content):
        digest.update(piece)
    return digest.hexdigest()
