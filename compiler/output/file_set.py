"""What a compilation makes: a path, its content and its mode for each file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.ir.project import Archive, SourceFile

FILE_MODE = 0o644
PROGRAM_MODE = 0o755


@dataclass(frozen=True, slots=True)
class Made:
    """Bytes that the compiler made."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Copied:
    """A file of the user's, or of the runtime, byte for byte."""

    source: str


@dataclass(frozen=True, slots=True)
class Linked:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Archived:
    """The tar of a baseline, too large to be held in memory."""

    archive: Archive


@dataclass(frozen=True, slots=True)
class Converted:
    """The rows of Arrow files as lines of JSON."""

    tables: tuple[str, ...]


type Content = Made | Copied | Linked | Archived | Converted


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the output. ``mode`` is 0o644 or 0o755; of a link it is 0o777."""

    content: Content
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What identifies a file: the SHA-256 of its content (of a link: its target) and its mode."""

    sha256: str
    mode: int


type FileSet = Mapping[str, File]
"""Paths below the output folder, ``/`` between names, to files."""


def make_file(text: str) -> File:
    """A text file, UTF-8."""
    return File(content=Made(text.encode("utf-8")), mode=FILE_MODE)


def make_program(text: str) -> File:
    """An executable text file, UTF-8."""
    return File(content=Made(text.encode("utf-8")), mode=PROGRAM_MODE)


def copy_file(file: SourceFile) -> File:
    """A file of the user's as it is, links as links."""
    if file.link is not None:
        return File(content=Linked(file.link), mode=file.mode)
    return File(content=Copied(file.source), mode=file.mode)


def digest_bytes(content: bytes, mode: int) -> Digest:
    """The digest of content held in memory."""
    return Digest(sha256=hashlib.sha256(content).hexdigest(), mode=mode)


def folders_of(paths: Iterator[str]) -> list[str]:
    """Every folder that the paths need, parents before children."""
    found = {parent for path in paths for parent in _parents(path)}
    return sorted(found)


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rsplit("/", 1)[0]
        yield path
