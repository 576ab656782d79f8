"""Removing what candidate code left, however it was built to resist.

Everything runs with the rights of the files' owner, relative to folder descriptors, and follows no
symlink. Depth costs no stack and no descriptors: a folder's subfolders are moved up to the top of
what is being emptied, and met there again. What lies in a folder but belongs to somebody else is
not an error here: the owners are reported.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import time

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# World-writable folders inside a shared place are entered this deep in search of own files.
SHARED_DEPTH = 8
# What renaming a folder onto an existing name answers.
_TAKEN = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ENOTEMPTY})


class WipeError(Exception):
    """Something is left that could not be removed."""


class Wipe:
    """One removal, bounded by a monotonic deadline. `foreign` collects owners that were met."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.foreign: set[int] = set()
        self._names = itertools.count()

    def remove(self, folder: int, name: str) -> bool:
        """Removes the entry `name` of `folder` with all below; false when foreign files hold it."""
        if _unlink(folder, name) or _rmdir(folder, name):
            return True
        inner = _open_own(folder, name)
        if inner is None:
            self._note_owner(folder, name)
            return False
        try:
            if not self.empty(inner):
                # Their owner's own wipe must be able to come here.
                os.fchmod(inner, 0o777)
                return False
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)
        return True

    def empty(self, top: int) -> bool:
        """Removes all that is in the folder `top`; false when foreign files are left."""
        while True:
            seen, gone = 0, 0
            with os.scandir(top) as entries:
                for entry in entries:
                    self._check_time()
                    seen += 1
                    gone += self._remove_flat(top, entry)
            if not seen:
                return True
            if not gone:
                return False

    def _remove_flat(self, top: int, entry: os.DirEntry[str]) -> bool:
        """True when something changed: the entry went, or what it held moved up."""
        if not entry.is_dir(follow_symlinks=False):
            return _unlink(top, entry.name)
        if _rmdir(top, entry.name):
            return True
        inner = _open_own(top, entry.name)
        if inner is None:
            self._note_owner(top, entry.name)
            return False
        try:
            moved = self._move_up(top, inner)
            if not _rmdir(top, entry.name):
                os.fchmod(inner, 0o777)
                return moved
        finally:
            os.close(inner)
        return True

    def _move_up(self, top: int, inner: int) -> bool:
        changed = False
        with os.scandir(inner) as entries:
            for entry in entries:
                self._check_time()
                if not entry.is_dir(follow_symlinks=False):
                    changed |= _unlink(inner, entry.name)
                elif _rmdir(inner, entry.name) or self._rename(inner, entry.name, top):
                    changed = True
                else:
                    self._note_owner(inner, entry.name)
        return changed

    def _rename(self, source: int, name: str, top: int) -> bool:
        try:
            # Moving a folder rewrites its `..`, which needs the right to write in it.
            os.chmod(name, 0o700, dir_fd=source)
        except PermissionError:
            return False
        while True:
            self._check_time()
            try:
                os.rename(name, f".wipe-{next(self._names)}", src_dir_fd=source, dst_dir_fd=top)
                return True
            except PermissionError:
                return False
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise

    def sweep(self, folder: int, uid: int, depth: int = SHARED_DEPTH) -> None:
        """Removes what belongs to `uid` in the shared `folder` and its world-writable folders."""
        changed = True
        while changed:
            changed = False
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._check_time()
                    changed |= self._sweep_entry(folder, entry.name, uid, depth)

    def _sweep_entry(self, folder: int, name: str, uid: int, depth: int) -> bool:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if found.st_uid == uid:
            return self.remove(folder, name)
        if depth and stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH:
            try:
                inner = os.open(name, OPEN_FOLDER, dir_fd=folder)
            except OSError:
                return False
            try:
                self.sweep(inner, uid, depth - 1)
            finally:
                os.close(inner)
        return False

    def _note_owner(self, folder: int, name: str) -> None:
        try:
            self.foreign.add(os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid)
        except FileNotFoundError:
            return

    def _check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise WipeError("removing what the sample left took too long")


def _unlink(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except (IsADirectoryError, PermissionError):
        return False
    return True


def _rmdir(folder: int, name: str) -> bool:
    try:
        os.rmdir(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _open_own(folder: int, name: str) -> int | None:
    """The folder opened with all rights of its owner; None when it is somebody else's."""
    try:
        os.chmod(name, 0o700, dir_fd=folder)
        return os.open(name, OPEN_FOLDER, dir_fd=folder)
    except OSError:
        return None
