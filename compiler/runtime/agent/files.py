"""Files between this process and the other end of the session, as tar archives."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..runner.streams import PIECE


def read_pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of an open file, piece by piece."""
    while piece := file.read(PIECE):
        yield piece


def pack(folder: Path, into: IO[bytes], limit: int) -> None:
    """The regular files below `folder`, at most `limit` bytes; links are followed, once."""
    seen: set[tuple[int, int]] = set()
    with tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for parent, folders, names in os.walk(folder, followlinks=True):
            folders[:] = [name for name in folders if _is_new(Path(parent, name), seen)]
            for name in sorted(folders):
                member = tarfile.TarInfo(_name(folder, parent, name))
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            for name in sorted(names):
                _add(archive, folder, Path(parent, name))
                if archive.offset > limit:
                    raise OSError(f"{folder}: more than {limit} bytes")


def _name(folder: Path, parent: str, name: str) -> str:
    return os.path.relpath(os.path.join(parent, name), folder)


def _is_new(path: Path, seen: set[tuple[int, int]]) -> bool:
    found = path.stat()
    place = (found.st_dev, found.st_ino)
    if place in seen:
        return False
    seen.add(place)
    return True


def _add(archive: tarfile.TarFile, folder: Path, path: Path) -> None:
    if not path.is_file():
        return
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        member = tarfile.TarInfo(str(path.relative_to(folder)))
        member.size, member.mode, member.mtime = found.st_size, found.st_mode & 0o777, 0
        archive.addfile(member, file)


def unpack(archive: IO[bytes], folder: Path) -> None:
    """The files of an archive below `folder`, over those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=archive, mode="r:") as tar:
        tar.extractall(folder, filter="tar")


def copy_out(content: IO[bytes], path: Path) -> None:
    """The content of one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
