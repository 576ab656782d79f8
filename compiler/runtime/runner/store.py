"""The candidates' trees: published whole under their ids, removed when space is short.

`.locks/<tree>` is held shared while a sample runs in a tree and exclusively while it is removed;
its time is that of the last use. Candidate code cannot open that folder. A name that begins with
`.new-` is a tree in the making, held by the process that makes it; `.old-` is on its way out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator

from .system import own_folder
from .tar import TarReader
from .tree import TooLargeError, TreeWriter
from .wipe import OPEN_FOLDER, Wipe

LOCKS = ".locks"
NEW, OLD = ".new-", ".old-"
REMOVE_SECONDS = 120.0
_TRY = fcntl.LOCK_EX | fcntl.LOCK_NB


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
        self._remove_stale()

    def has(self, tree: str) -> bool:
        """Whether the tree is there whole."""
        return os.path.isdir(f"{self.path}/{tree}")

    @contextlib.contextmanager
    def use(self, tree: str) -> Iterator[str | None]:
        """The tree's folder, which stays while the context does; None when there is none."""
        with self._lock(f"{self._locks}/{tree}", fcntl.LOCK_SH) as lock:
            os.utime(lock)
            yield f"{self.path}/{tree}" if self.has(tree) else None

    def put(self, tree: str, read: Callable[[int], bytes]) -> None:
        """Unpacks the archive that `read` gives and publishes it; TarError, TooLargeError."""
        name, folder = self._start()
        try:
            writer = TreeWriter(folder, self._tree_bytes, lambda: self._make_room(name))
            try:
                writer.write(TarReader(read))
            finally:
                writer.close()
            self._publish(f"{self.path}/{name}", tree)
        finally:
            self._remove(name)
            os.close(folder)

    def _start(self) -> tuple[str, int]:
        """A new folder and the descriptor that says that somebody works on it."""
        name = f"{NEW}{os.getpid()}-{time.monotonic_ns()}"
        with self._alone():
            os.mkdir(f"{self.path}/{name}", 0o700)
            folder = os.open(f"{self.path}/{name}", OPEN_FOLDER)
            fcntl.flock(folder, fcntl.LOCK_EX)
        return name, folder

    def _publish(self, path: str, tree: str) -> None:
        with self._lock(f"{self._locks}/{tree}", fcntl.LOCK_SH) as lock:
            os.utime(lock)
            os.chmod(path, 0o755)
            # Another one may have been quicker with the same tree; then this one is put away.
            with contextlib.suppress(FileExistsError):
                if not self.has(tree):
                    _rename_new(path, f"{self.path}/{tree}")

    def _make_room(self, own: str) -> None:
        """Removes one thing that nobody needs; `own` is the caller's unfinished tree."""
        with self._alone():
            if self._remove_stale():
                return
            names = os.listdir(self.path)
            trees = [name for name in names if not name.startswith(".")]
            if any(self._evict(tree) for tree in sorted(trees, key=self._last_use)):
                return
        if trees or any(name.startswith(NEW) and name != own for name in names):
            raise NoRoomError("every tree in the store is in use")
        raise TooLargeError("the tree does not fit into the store")

    def _last_use(self, tree: str) -> int:
        try:
            return os.stat(f"{self._locks}/{tree}").st_mtime_ns
        except FileNotFoundError:
            return 0

    def _evict(self, tree: str) -> bool:
        try:
            with self._lock(f"{self._locks}/{tree}", _TRY):
                old = f"{OLD}{os.getpid()}-{time.monotonic_ns()}"
                os.rename(f"{self.path}/{tree}", f"{self.path}/{old}")
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
        folder = os.open(self.path, OPEN_FOLDER)
        try:
            return Wipe(time.monotonic() + REMOVE_SECONDS).remove(folder, name)
        finally:
            os.close(folder)

    def _alone(self) -> contextlib.AbstractContextManager[int]:
        return self._lock(f"{self._locks}/.store", fcntl.LOCK_EX)

    @contextlib.contextmanager
    def _lock(self, path: str, how: int, *, folder: bool = False) -> Iterator[int]:
        flags = OPEN_FOLDER if folder else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield descriptor
        finally:
            os.close(descriptor)


def _rename_new(path: str, published: str) -> None:
    """Renames a folder onto a name that is free; a full folder there is FileExistsError."""
    try:
        os.rename(path, published)
    except OSError as error:
        if os.path.isdir(published):
            raise FileExistsError(published) from error
        raise
