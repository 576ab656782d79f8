"""The content of a file of the output, as a stream of bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Final

from compiler.edge.arrow_lines import ArrowProblem, stream_lines
from compiler.edge.world import WorldError
from compiler.ir.project import Archive
from compiler.output.file_set import Archived, Content, Converted, Copied, Linked, Made

_CHUNK: Final = 1024 * 1024


def stream_content(content: Content) -> Iterator[bytes]:
    """The bytes of a file (of a link: its target) in pieces; WorldError where an input vanished."""
    if isinstance(content, Made):
        yield content.content
    elif isinstance(content, Linked):
        yield os.fsencode(content.target)
    elif isinstance(content, Archived):
        yield from _stream_archive(content.archive)
    elif isinstance(content, Converted):
        yield from _stream_tables(content)
    else:
        yield from _stream_copy(content)


def _stream_copy(content: Copied) -> Iterator[bytes]:
    try:
        with open(content.source, "rb") as file:
            while piece := file.read(_CHUNK):
                yield piece
    except OSError as error:
        raise WorldError(f"cannot read {content.source}: {error.strerror}") from error


def _stream_tables(content: Converted) -> Iterator[bytes]:
    try:
        yield from stream_lines(content.tables)
    except ArrowProblem as problem:
        raise WorldError(f"cannot read {', '.join(content.tables)}: {problem}") from problem


def _stream_archive(archive: Archive) -> Iterator[bytes]:
    """The kept tar; one that was only measured has no bytes to give."""
    assert archive.file is not None, "the tar was not kept"
    for offset in range(0, archive.size, _CHUNK):
        yield os.pread(archive.file, _CHUNK, offset)


def digest_content(content: Content) -> str:
    """The SHA-256 of the content, hex."""
    if isinstance(content, Archived):
        return content.archive.sha256
    digest = hashlib.sha256(usedforsecurity=False)
    for piece in stream_content(content):
        digest.update(piece)
    return digest.hexdigest()
