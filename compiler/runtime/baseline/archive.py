"""Reading the archive of raw blobs, and writing it out as plain files.

Names are bytes throughout: git's names are, and need not be UTF-8.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .errors import BaselineError

CHUNK = 1 << 20
MODES = {0o644: "100644", 0o755: "100755"}
SYMLINK = "120000"


@dataclass(frozen=True)
class Entry:
    """A file or a symbolic link; `mode` is git's; `chunks` is read before the next entry."""

    name: bytes
    mode: str
    size: int
    chunks: Callable[[], Iterator[bytes]]


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, "r:", encoding="utf-8", errors="surrogateescape") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise BaselineError(
            f"{archive} is not a whole, uncompressed tar archive: {error}"
        ) from error


def read_entries(archive: Path) -> Iterator[Entry]:
    """The entries in the archive's order; directories are implied by names and left out."""
    seen: set[bytes] = set()
    with _opened(archive) as tar:
        for member in tar:
            if member.isdir():
                continue
            name = _bytes(member.name)
            _check_name(archive, name)
            if name in seen:
                raise BaselineError(f"{archive} holds {name!r} twice")
            seen.add(name)
            yield _entry(archive, tar, member, name)


def _entry(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, name: bytes) -> Entry:
    if member.issym():
        target = _bytes(member.linkname)
        return Entry(name, SYMLINK, len(target), lambda: iter((target,)))
    mode = MODES.get(member.mode & 0o7777)
    if not member.isreg() or mode is None:
        raise BaselineError(
            f"{archive} holds {name!r} with mode {member.mode:o} and type {member.type!r};"
            " expected files (0644 or 0755) and symbolic links"
        )
    return Entry(
        name, mode, member.size, lambda: _read(archive, tar.extractfile(member), member.size)
    )


def _read(archive: Path, stream: IO[bytes] | None, size: int) -> Iterator[bytes]:
    left = size
    while left:
        try:
            chunk = stream.read(min(CHUNK, left)) if stream is not None else b""
        except tarfile.TarError:
            chunk = b""
        if not chunk:
            raise BaselineError(f"{archive} is cut short")
        left -= len(chunk)
        yield chunk


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _check_name(archive: Path, name: bytes) -> None:
    if any(part in (b"", b".", b"..") for part in name.split(b"/")):
        raise BaselineError(f"{archive} holds the name {name!r}, which is not below the top folder")


def extract(archive: Path, into: Path) -> int:
    """Write the files into a folder that is missing or empty; how many there were."""
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise BaselineError(f"{into} is not empty")
    links: set[bytes] = set()
    count = 0
    for entry in read_entries(archive):
        _check_parents(archive, entry.name, links)
        if entry.mode == SYMLINK:
            links.add(entry.name)
        _write(os.path.join(os.fsencode(into), entry.name), entry)
        count += 1
    return count


def _check_parents(archive: Path, name: bytes, links: set[bytes]) -> None:
    parts = name.split(b"/")
    if any(b"/".join(parts[:depth]) in links for depth in range(1, len(parts))):
        raise BaselineError(f"{archive} holds {name!r} below a symbolic link")


def _write(path: bytes, entry: Entry) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    if entry.mode == SYMLINK:
        os.symlink(b"".join(entry.chunks()), path)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in entry.chunks():
            file.write(chunk)
        os.fchmod(file.fileno(), 0o755 if entry.mode == MODES[0o755] else 0o644)
