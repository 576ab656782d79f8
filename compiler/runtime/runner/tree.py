"""Writing a candidate's tree below one folder, from a tar that nobody vouches for."""

from __future__ import annotations

import errno
import functools
import os
import time
from collections.abc import Callable
from typing import TypeVar

from .seal import NEVER_READ, hide_reading
from .tar import Member, TarError, TarReader

MAX_ENTRIES = 200_000
T = TypeVar("T")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class TooLargeError(Exception):
    """The tree is over a bound."""


class TreeWriter:
    """Fills the empty folder `root`. Nothing is opened but relative to a folder of the tree.

    `make_room` is called when the file system is full; it raises when there is nothing to remove.
    """

    def __init__(self, root: int, max_bytes: int, make_room: Callable[[], None]) -> None:
        self._root = root
        self._bytes_left = max_bytes
        self._entries_left = MAX_ENTRIES
        self._make_room = make_room
        self._given: set[tuple[bytes, ...]] = set()
        self._parent: tuple[bytes, ...] = ()
        self._folder = os.dup(root)

    def close(self) -> None:
        """Gives up the folder that was written to last."""
        os.close(self._folder)

    def write(self, tar: TarReader) -> None:
        """Writes every entry; TarError or TooLargeError leave the folder half full."""
        for member in tar.members():
            self._count(member)
            if member.path in self._given:
                raise TarError(f"{_show(member)} stands twice in the archive")
            self._given.add(member.path)
            self._enter(member.path[:-1])
            try:
                self._add(member, tar)
            except (FileExistsError, NotADirectoryError) as error:
                raise TarError(f"{_show(member)} is there already") from error

    def _count(self, member: Member) -> None:
        self._bytes_left -= member.size
        self._entries_left -= 1
        if self._bytes_left < 0:
            raise TooLargeError("the tree has too many bytes")
        if self._entries_left < 0:
            raise TooLargeError(f"the tree has more than {MAX_ENTRIES} entries")

    def _add(self, member: Member, tar: TarReader) -> None:
        name = member.path[-1]
        if member.kind == "folder":
            os.close(self._descend(self._folder, name))
        elif member.kind == "symlink":
            self._add_symlink(name, member.target)
        else:
            self._add_file(name, member.executable, tar)

    def _add_symlink(self, name: bytes, target: bytes) -> None:
        self._with_room(lambda: os.symlink(target, name, dir_fd=self._folder))
        times = (NEVER_READ, time.time_ns())
        os.utime(name, ns=times, dir_fd=self._folder, follow_symlinks=False)

    def _add_file(self, name: bytes, executable: bool, tar: TarReader) -> None:
        file = self._with_room(lambda: os.open(name, _NEW_FILE, 0o600, dir_fd=self._folder))
        try:
            for piece in tar.data():
                self._write_all(file, memoryview(piece))
            os.fchmod(file, 0o755 if executable else 0o644)
            hide_reading(file)
        finally:
            os.close(file)

    def _write_all(self, file: int, rest: memoryview) -> None:
        while rest:
            written = self._with_room(functools.partial(os.write, file, rest))
            rest = rest[written:]

    def _enter(self, parent: tuple[bytes, ...]) -> None:
        """Makes `parent` the folder that is written to; entries mostly come folder by folder."""
        if parent == self._parent:
            return
        folder = os.dup(self._root)
        try:
            for name in parent:
                above, folder = folder, self._descend(folder, name)
                os.close(above)
        except (FileExistsError, NotADirectoryError) as error:
            os.close(folder)
            raise TarError(f"{parent!r} is not a folder") from error
        os.close(self._folder)
        self._folder, self._parent = folder, parent

    def _descend(self, folder: int, name: bytes) -> int:
        """Opens the subfolder, made when missing; never through a symlink."""
        try:
            self._with_room(lambda: os.mkdir(name, 0o755, dir_fd=folder))
            os.chmod(name, 0o755, dir_fd=folder)
            os.utime(name, ns=(NEVER_READ, time.time_ns()), dir_fd=folder)
        except FileExistsError:
            pass
        try:
            return os.open(name, _FOLDER, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise NotADirectoryError(error.errno, "a symlink or a file") from error
            raise

    def _with_room(self, action: Callable[[], T]) -> T:
        while True:
            try:
                return action()
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
            self._make_room()


def _show(member: Member) -> str:
    return ascii(b"/".join(member.path)[:200].decode("utf-8", "backslashreplace"))
