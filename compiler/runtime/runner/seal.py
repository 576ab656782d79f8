"""Taking a tree over from the user whose setup ran in it, so that no sample can change it.

Root here may give files to anybody but may neither enter a closed folder of another user nor
change a mode of that user's files. So there are two walks, both after the user's last process has
ended. The first has the user's rights: it checks what is there and opens every folder and file for
reading. The second is root's: it takes all of it over, the tree's own folder last. From then on
the tree counts as whole (`is_sealed`), and before it never does.
"""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass

from .wipe import OPEN_FOLDER, WipeError

MAX_DEPTH = 128
# Linux keeps a file's time of access unless it is older than the last change or a day. One in the
# future stays for good: no sample learns from it what another one read. Fits into 32 bits.
NEVER_READ = (2**31 - 1) * 10**9
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class UnsealableError(Exception):
    """The tree holds what no candidate's tree may hold, or too much of it."""


@dataclass(frozen=True)
class Bounds:
    """The most that a tree may be, in bytes of its files and in entries."""

    bytes: int
    entries: int


def is_sealed(path: str) -> bool:
    """Whether the folder at `path` is a whole tree."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == 0


def open_tree(path: str, uid: int, bounds: Bounds, deadline: float) -> None:
    """Checks the tree of `uid`, the caller's effective user, and opens it for reading."""
    os.chmod(path, 0o755)
    folder = os.open(path, OPEN_FOLDER)
    try:
        survey = _Survey(uid, bounds, deadline)
        survey.visit(folder, "", 0)
        survey.check_links()
    finally:
        os.close(folder)


class _Survey:
    def __init__(self, uid: int, bounds: Bounds, deadline: float) -> None:
        self._uid = uid
        self._bounds = bounds
        self._deadline = deadline
        self._bytes = 0
        self._entries = 0
        # Files with several names: how many there are, and how many lie in the tree.
        self._links: dict[int, list[int]] = {}

    def visit(self, folder: int, place: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise UnsealableError(f"{_show(place)} lies deeper than {MAX_DEPTH} folders")
        with os.scandir(folder) as entries:
            for entry in entries:
                path = f"{place}{entry.name}"
                found = entry.stat(follow_symlinks=False)
                self._count(path, found)
                if stat.S_ISDIR(found.st_mode):
                    self._enter(folder, entry.name, path, depth)
                elif stat.S_ISREG(found.st_mode):
                    # Never follows a link: what was found is a file, and nothing else acts here.
                    runs = found.st_mode & 0o111
                    os.chmod(entry.name, 0o755 if runs else 0o644, dir_fd=folder)
                elif not stat.S_ISLNK(found.st_mode):
                    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no file")
                    raise UnsealableError(f"{_show(path)} is {kind}")

    def _enter(self, folder: int, name: str, path: str, depth: int) -> None:
        os.chmod(name, 0o755, dir_fd=folder)
        inner = os.open(name, OPEN_FOLDER, dir_fd=folder)
        try:
            self.visit(inner, f"{path}/", depth + 1)
        finally:
            os.close(inner)

    def _count(self, path: str, found: os.stat_result) -> None:
        if time.monotonic() > self._deadline:
            raise WipeError("looking through the tree took too long")
        if found.st_uid != self._uid:
            raise UnsealableError(f"{_show(path)} belongs to another user")
        self._entries += 1
        if self._entries > self._bounds.entries:
            raise UnsealableError(f"the tree has more than {self._bounds.entries} entries")
        if stat.S_ISREG(found.st_mode) and self._is_new(found):
            self._bytes += max(found.st_size, found.st_blocks * 512)
        if self._bytes > self._bounds.bytes:
            raise UnsealableError(f"the tree's files have more than {self._bounds.bytes} bytes")

    def _is_new(self, found: os.stat_result) -> bool:
        if found.st_nlink == 1:
            return True
        names = self._links.setdefault(found.st_ino, [found.st_nlink, 0])
        names[1] += 1
        return names[1] == 1

    def check_links(self) -> None:
        if any(count != seen for count, seen in self._links.values()):
            raise UnsealableError("a file of the tree has another name outside of it")


def give_tree(path: str, uid: int) -> None:
    """Gives a tree that root has just written to `uid`."""
    folder = os.open(path, OPEN_FOLDER)
    try:
        # First, so that what was given in part is known for it.
        os.fchown(folder, uid, uid)
        _hand_over(folder, uid)
    finally:
        os.close(folder)


def take_tree(path: str) -> None:
    """Makes root the owner of a tree whose folders are all open for reading: seals it."""
    folder = os.open(path, OPEN_FOLDER)
    try:
        _hand_over(folder, 0)
        os.fchown(folder, 0, 0)
        hide_reading(folder)
    finally:
        os.close(folder)


def _hand_over(folder: int, uid: int) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            os.chown(entry.name, uid, uid, dir_fd=folder, follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                inner = os.open(entry.name, OPEN_FOLDER, dir_fd=folder)
                try:
                    _hand_over(inner, uid)
                finally:
                    os.close(inner)
            if uid == 0:
                found = entry.stat(follow_symlinks=False)
                times = (NEVER_READ, found.st_mtime_ns)
                os.utime(entry.name, ns=times, dir_fd=folder, follow_symlinks=False)


def hide_reading(file: int) -> None:
    """Keeps the time of access of root's own file from ever changing."""
    os.utime(file, ns=(NEVER_READ, os.fstat(file).st_mtime_ns))


def _show(path: str) -> str:
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return ascii(text if len(text) <= 200 else f"...{text[-200:]}")
