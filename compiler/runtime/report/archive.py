"""An exported session's archive: an uncompressed tar of plain files, read in place.

Whoever made the file may have meant harm: only the format's plainest form is taken (regular files
with names of a known form), nothing is unpacked, and what is read has a bound.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .files import Unreadable, decode_object
from .text import shown

ARCHIVE_BYTES = 2 << 30
MANIFEST_BYTES = 16 << 20
MOST_MEMBERS = 100_000
MANIFEST = "manifest.json"
FINALIZATION = "finalization.json"
LEDGER = "ledger.sqlite"
_NAME = re.compile(
    r"manifest\.json|finalization\.json|ledger\.sqlite|candidates\.bundle"
    r"|results/[1-9][0-9]{0,14}/(?:result\.json|samples\.jsonl)"
)
_BLOCK = 512
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """Where a file's bytes lie."""

    offset: int
    size: int


@dataclass(frozen=True)
class Archive:
    """`members` are the whole files by name; `problem` says where reading the tar ended early."""

    file: IO[bytes]
    members: dict[str, Member]
    problem: str | None

    def read(self, name: str, most: int) -> bytes:
        """A file's bytes; raises Unreadable when it is not there or larger than `most`."""
        member = self._member(name, most)
        self.file.seek(member.offset)
        return self.file.read(member.size)

    def copy(self, name: str, target: Path, most: int) -> None:
        """A file's bytes in a new file of the caller's, that only they can read."""
        member = self._member(name, most)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as copy:
            for chunk in self._chunks(member):
                copy.write(chunk)

    def digest(self, name: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks(self.members[name]):
            digest.update(chunk)
        return digest.hexdigest()

    def _member(self, name: str, most: int) -> Member:
        member = self.members.get(name)
        if member is None:
            raise Unreadable("it is not in the archive")
        if member.size > most:
            raise Unreadable(f"it is larger than {most} bytes")
        return member

    def _chunks(self, member: Member) -> Iterator[bytes]:
        self.file.seek(member.offset)
        left = member.size
        while left:
            chunk = self.file.read(min(left, _CHUNK))
            if not chunk:
                raise Unreadable("the archive became shorter while it was read")
            left -= len(chunk)
            yield chunk


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """The archive in a file; raises Unreadable for one that does not even begin like one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Unreadable("it is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > ARCHIVE_BYTES:
            raise Unreadable(f"it is larger than {ARCHIVE_BYTES} bytes")
        members: dict[str, Member] = {}
        problem = None
        try:
            _read_members(file, status.st_size, members)
        except Unreadable as error:
            if not members:
                raise
            problem = f"the archive is damaged: {error}"
        yield Archive(file=file, members=members, problem=problem)


def _read_members(file: IO[bytes], end: int, members: dict[str, Member]) -> None:
    offset = 0
    while True:
        file.seek(offset)
        block = file.read(_BLOCK)
        if len(block) < _BLOCK:
            raise Unreadable("it ends too early")
        if not block.strip(b"\0"):
            return
        name, size = _decode_header(block)
        if name in members or len(members) >= MOST_MEMBERS:
            raise Unreadable(f"it has {shown(name)} twice, or too many files")
        offset += _BLOCK
        if offset + size > end:
            raise Unreadable(f"it ends within {shown(name)}")
        members[name] = Member(offset=offset, size=size)
        offset += -(-size // _BLOCK) * _BLOCK


def _decode_header(block: bytes) -> tuple[str, int]:
    """Name and size of a regular file's header."""
    plain = block[:148] + b" " * 8 + block[156:]
    if block[257:262] != b"ustar" or _octal(block[148:156]) != sum(plain):
        raise Unreadable("it is not a tar archive")
    if block[156:157] not in (b"0", b"\0") or block[345:500].strip(b"\0"):
        raise Unreadable("it holds something else than plain files")
    name = block[:100].rstrip(b"\0").decode("utf-8", "backslashreplace")
    if _NAME.fullmatch(name) is None:
        raise Unreadable(f"it holds {shown(name, 120)!r}, which is no part of a session")
    return name, _octal(block[124:136])


def _octal(field: bytes) -> int:
    digits = field.strip(b"\0 ")
    if not digits or digits.strip(b"01234567"):
        raise Unreadable("it is not a tar archive")
    return int(digits, 8)


def read_manifest(archive: Archive) -> tuple[dict[str, Any], list[str]]:
    """The manifest, and what does not agree with it or was left out; digests are checked."""
    try:
        manifest = decode_object(archive.read(MANIFEST, MANIFEST_BYTES))
    except Unreadable as error:
        return {}, [f"{MANIFEST} cannot be used, so nothing is verified: {error}"]
    if manifest.get("version") != 1:
        return {}, [f"{MANIFEST} is of a version that this program does not know"]
    return manifest, [*_omissions(manifest), *_differences(archive, _listed(manifest))]


def _listed(manifest: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """(size, digest) by name, as the manifest has them."""
    files = manifest.get("files")
    entries = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    return {str(item.get("path")): (item.get("bytes"), item.get("sha256")) for item in entries}


def _differences(archive: Archive, listed: dict[str, tuple[object, object]]) -> list[str]:
    found = []
    for name, member in archive.members.items():
        if name == MANIFEST:
            continue
        if name not in listed:
            found.append(f"{name} is not in the manifest")
        elif listed[name] != (member.size, archive.digest(name)):
            found.append(f"{name} is not what the manifest says")
    missing = [name for name in listed if name not in archive.members]
    return found + [f"{shown(name, 120)} is in the manifest, but not there" for name in missing]


def _omissions(manifest: dict[str, Any]) -> list[str]:
    omitted = manifest.get("omitted")
    entries = omitted if isinstance(omitted, list) else []
    return [
        f"{shown(item.get('path'), 120)} was left out: {shown(item.get('cause'), 200)}"
        for item in entries
        if isinstance(item, dict)
    ]
