"""Files of a call, on the trusted side: bounded, in folders of their own, links never followed."""

from __future__ import annotations

import errno
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..runner.tar import Member, TarError, TarReader
from ..runner.tree import TooLargeError, TreeWriter

FILE_BYTES = 256 * 1024 * 1024
LOGS_BYTES = 32 * 1024 * 1024
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Refused(Exception):
    """A file is not one that is handed on; the text is ours."""


@contextmanager
def own_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="call-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def write_file(content: IO[bytes], path: Path, executable: bool) -> None:
    with path.open("xb") as file:
        while piece := content.read(1024 * 1024):
            file.write(piece)
    path.chmod(0o755 if executable else 0o644)


class _PlainReader(TarReader):
    """Files and folders alone: a link would be followed on this side."""

    def members(self) -> Iterator[Member]:
        for member in super().members():
            if member.kind == "symlink":
                raise TarError("there is a symbolic link in it")
            yield member


def unpack(content: IO[bytes], path: Path, limit: int = FILE_BYTES) -> None:
    path.mkdir()
    root = os.open(path, _FOLDER)
    try:
        writer = TreeWriter(root, limit, _no_room)
        try:
            writer.write(_PlainReader(content.read))
        finally:
            writer.close()
    finally:
        os.close(root)


def _no_room() -> None:
    raise TooLargeError("there is no room for it")


def open_file(path: Path) -> IO[bytes]:
    """A regular file that came out of the environment, and nothing that it may point to."""
    try:
        descriptor = os.open(path, _FILE)
    except OSError as error:
        raise Refused("there is no such regular file") from error
    file = os.fdopen(descriptor, "rb")
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size > FILE_BYTES:
        file.close()
        raise Refused(f"not a regular file of at most {FILE_BYTES} bytes")
    return file


def pack(folder: Path) -> IO[bytes]:
    """A tar of what came out of the environment; links stay links, and are not looked behind."""
    archive = tempfile.TemporaryFile()  # noqa: SIM115, whoever sends it closes it
    try:
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in _walk(folder):
                _add(tar, folder, path)
                if tar.offset > FILE_BYTES:
                    raise Refused(f"more than {FILE_BYTES} bytes")
        archive.seek(0)
        return archive
    except BaseException:
        archive.close()
        raise


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, followlinks=False):
        for name in sorted((*folders, *names)):
            yield Path(parent, name)


def _add(tar: tarfile.TarFile, folder: Path, path: Path) -> None:
    found = path.lstat()
    member = tarfile.TarInfo(str(path.relative_to(folder)))
    member.mode = found.st_mode & 0o777
    if stat.S_ISDIR(found.st_mode):
        member.type = tarfile.DIRTYPE
        tar.addfile(member)
    elif stat.S_ISLNK(found.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)
        tar.addfile(member)
    elif stat.S_ISREG(found.st_mode):
        with os.fdopen(os.open(path, _FILE), "rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            tar.addfile(member, file)


def add_files(source: Path, target: Path) -> None:
    """Adds new files below `target`, whose content may be the environment's: no link is followed
    and nothing that is there is replaced.
    """
    root = os.open(target, _FOLDER)
    try:
        for path in _walk(source):
            if path.is_file():
                _add_file(root, path.relative_to(source), path)
    finally:
        os.close(root)


def _add_file(root: int, name: Path, source: Path) -> None:
    opened = [os.dup(root)]
    try:
        for part in name.parts[:-1]:
            with suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=opened[-1])
            opened.append(os.open(part, _FOLDER, dir_fd=opened[-1]))
        with os.fdopen(os.open(name.name, _NEW, 0o644, dir_fd=opened[-1]), "wb") as file:
            file.write(source.read_bytes())
    except OSError as error:
        # What the environment has in its place stays.
        if error.errno not in (errno.EEXIST, errno.ENOTDIR, errno.ELOOP):
            raise
    finally:
        for descriptor in opened:
            os.close(descriptor)
