"""The candidates' trees: published whole under their ids, removed when space is short.

A tree is a folder of root's: one that still belongs to the setup user is in the making, or was
left so by a killed process. A file in a tree's place says why its setup failed. `.locks/<tree>` is
held shared while a sample runs in a tree and exclusively while it is removed; its time is that of
the last use. Candidate code cannot open that folder. A name that begins with `.new-` is a tree in
the making, held by the process that makes it; `.old-` is on its way out.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from .seal import is_sealed, take_tree
from .system import own_folder
from .tar import TarReader
from .tree import TooLargeError, TreeWriter
from .wipe import OPEN_FOLDER, Wipe

LOCKS = ".locks"
NEW, OLD = ".new-", ".old-"
REMOVE_SECONDS = 120.0
T = TypeVar("T")
_TRY = fcntl.LOCK_EX | fcntl.LOCK_NB

# What becomes of a finished folder: given its path and its place among the trees.
Publish = Callable[[str, str], None]


class NoRoomError(Exception):
    """The store is full of trees that are in use: a matter of time, not of the candidate."""


class Store:
    """The folder of trees; every process has its own object for it."""

    def __init__(self, path: str, tree_bytes: int) -> None:
        self.path = path
        self._tree_bytes = tree_bytes
        self._locks = f"{path}/{LOCKS}"

    def prepare(self) -> None:
        """At the daemon's start, alone: takes the folder over and clears what a killed one left."""
        own_folder(self.path, 0o755)
        os.makedirs(self._locks, mode=0o700, exist_ok=True)
        own_folder(self._locks, 0o700)
        with self._alone():
            self._remove_stale()

    def has(self, tree: str) -> bool:
        """Whether the tree is there whole."""
        return is_sealed(f"{self.path}/{tree}")

    def failure(self, tree: str) -> str | None:
        """Why the tree's setup failed, when that is known."""
        try:
            with open(f"{self.path}/{tree}", encoding="utf-8") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, PermissionError):
            return None

    @contextlib.contextmanager
    def use(self, tree: str) -> Iterator[str | None]:
        """The tree's folder, which stays while the context does; None when there is none."""
        if not self.has(tree):
            yield None
            return
        with self._lock_tree(tree) as lock:
            os.utime(lock)
            yield f"{self.path}/{tree}" if self.has(tree) else None

    def put(self, tree: str, read: Callable[[int], bytes], publish: Publish | None = None) -> None:
        """Unpacks the archive that `read` gives and publishes it; TarError, TooLargeError.

        `publish` has to bring the folder to its place and to seal it there, or to raise.
        """
        name, folder = self._with_room(self._start, "")
        try:
            writer = TreeWriter(folder, self._tree_bytes, lambda: self._make_room(name))
            try:
                writer.write(TarReader(read))
            finally:
                writer.close()
            os.chmod(f"{self.path}/{name}", 0o755)
            with self._lock_tree(tree) as lock:
                os.utime(lock)
                (publish or self._publish)(f"{self.path}/{name}", f"{self.path}/{tree}")
        finally:
            self._remove(name)
            os.close(folder)

    def record_failure(self, tree: str, message: str) -> None:
        """Keeps the reason of a failed setup as long as a tree of its age."""
        name, folder = self._with_room(self._start, "")
        try:
            why = f"{self.path}/{name}/why"
            self._with_room(lambda: _write_private(why, message), name)
            with self._lock_tree(tree) as lock:
                os.utime(lock)
                os.rename(why, f"{self.path}/{tree}")
        finally:
            self._remove(name)
            os.close(folder)

    def unsealed(self) -> list[str]:
        """Folders in trees' places that are no whole trees."""
        names = [name for name in os.listdir(self.path) if not name.startswith(".")]
        return [f"{self.path}/{name}" for name in names if self._is_unfinished(name)]

    def remove_unsealed(self, path: str) -> None:
        """Removes one of them, once its owner has emptied it of what is the owner's."""
        self._remove(os.path.basename(path))

    def has_free(self, size: int, entries: int) -> bool:
        """Whether so many bytes and so many files more can be written."""
        found = os.statvfs(self.path)
        # A file system without a bound on files says that it has none in all.
        has_entries = found.f_favail >= entries or found.f_files == 0
        return found.f_bavail * found.f_frsize >= size and has_entries

    def make_free(self, size: int, entries: int, own: str) -> None:
        """Evicts until so much is free or the caller's tree in the making, `own`, is the last;
        NoRoomError when other trees are left, in use.
        """
        while not self.has_free(size, entries):
            try:
                self._make_room(os.path.basename(own))
            except TooLargeError:
                return

    def _with_room(self, action: Callable[[], T], own: str) -> T:
        """Does it, with room made as often as the file system is full."""
        while True:
            try:
                return action()
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
            self._make_room(own)

    def _start(self) -> tuple[str, int]:
        """A new folder and the descriptor that says that somebody works on it."""
        name = f"{NEW}{os.getpid()}-{time.monotonic_ns()}"
        with self._alone():
            os.mkdir(f"{self.path}/{name}", 0o700)
            folder = os.open(f"{self.path}/{name}", OPEN_FOLDER)
            fcntl.flock(folder, fcntl.LOCK_EX)
        return name, folder

    def _publish(self, path: str, place: str) -> None:
        # Another one may have been quicker with the same tree; then this one is put away.
        with contextlib.suppress(FileExistsError):
            if not is_sealed(place):
                _rename_new(path, place)

    def _make_room(self, own: str) -> None:
        """Removes one thing that nobody needs; `own` is the caller's unfinished tree."""
        with self._alone():
            if self._remove_stale():
                return
            names = os.listdir(self.path)
            trees = [name for name in names if not self._is_unfinished(name)]
            if any(self._evict(tree) for tree in sorted(trees, key=self._last_use)):
                return
        if trees or any(name.startswith(NEW) and name != own for name in names):
            raise NoRoomError("every tree in the store is in use")
        raise TooLargeError("the tree does not fit into the store")

    def _is_unfinished(self, name: str) -> bool:
        path = f"{self.path}/{name}"
        return name.startswith(".") or (os.path.isdir(path) and not is_sealed(path))

    def _last_use(self, tree: str) -> int:
        try:
            return os.stat(f"{self._locks}/{tree}").st_mtime_ns
        except FileNotFoundError:
            return 0

    def _evict(self, tree: str) -> bool:
        try:
            lock = f"{self._locks}/{tree}"
            with self._lock(lock, _TRY):
                old = f"{OLD}{os.getpid()}-{time.monotonic_ns()}"
                if self.failure(tree) is not None:
                    os.unlink(f"{self.path}/{tree}")
                else:
                    os.rename(f"{self.path}/{tree}", f"{self.path}/{old}")
                os.unlink(lock)
        except (BlockingIOError, FileNotFoundError):
            return False
        self._remove(old)
        return True

    def _remove_stale(self) -> bool:
        """Removes trees that were never finished and that nobody makes; true if there was one."""
        removed = False
        for name in os.listdir(self.path):
            if name.startswith((NEW, OLD)):
                missing = contextlib.suppress(BlockingIOError, FileNotFoundError)
                with missing, self._lock(f"{self.path}/{name}", _TRY, folder=True):
                    removed |= self._remove(name)
        return removed

    def _remove(self, name: str) -> bool:
        path = f"{self.path}/{name}"
        with contextlib.suppress(OSError):
            os.rmdir(path)
            return True
        if os.path.isdir(path) and not is_sealed(path):
            take_tree(path)
        folder = os.open(self.path, OPEN_FOLDER)
        try:
            return Wipe(time.monotonic() + REMOVE_SECONDS).remove(folder, name)
        finally:
            os.close(folder)

    def _alone(self) -> contextlib.AbstractContextManager[int]:
        return self._lock(f"{self._locks}/.store", fcntl.LOCK_EX)

    @contextlib.contextmanager
    def _lock_tree(self, tree: str) -> Iterator[int]:
        """Keeps the tree from being removed. Its lock goes with it: then a new one is made."""
        path = f"{self._locks}/{tree}"
        while True:
            with self._with_room(lambda: self._lock(path, fcntl.LOCK_SH), "") as lock:
                if _is_at(lock, path):
                    yield lock
                    return

    def _lock(
        self, path: str, how: int, *, folder: bool = False
    ) -> contextlib.AbstractContextManager[int]:
        flags = OPEN_FOLDER if folder else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return _locked(os.open(path, flags, 0o600), how)


@contextlib.contextmanager
def _locked(descriptor: int, how: int) -> Iterator[int]:
    try:
        fcntl.flock(descriptor, how)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _write_private(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(file, "w", encoding="utf-8", errors="replace") as writer:
        writer.write(text)


def _rename_new(path: str, published: str) -> None:
    """Renames a folder onto a name that is free; a full folder there is FileExistsError."""
    try:
        os.rename(path, published)
    except OSError as error:
        if os.path.isdir(published):
            raise FileExistsError(published) from error
        raise
