"""Gives a tree back to the service's user: what a root shell left there it could not touch.

Runs as root in folders that their user may change meanwhile. So nothing is reached by a path: each
entry is opened without following links, and what was opened is what is changed.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

# Deeper than that nothing is mended; each level costs a descriptor.
MAX_DEPTH = 200


@dataclass(frozen=True)
class Owner:
    """Whom everything is to belong to."""

    uid: int
    gid: int


@dataclass
class Mended:
    """How many entries changed hands, and what could not be looked into or changed."""

    count: int = 0
    failed: int = 0


def mend_tree(path: str, owner: Owner, *below: str, deep: bool = True) -> Mended:
    """The folder at `path`, or the one that the names `below` lead to, and what is in it.

    Only `path` itself must be where the user cannot put a link: everything below is opened step by
    step, and nothing on another file system is touched. `deep`: what lies further down as well.
    """
    mended = Mended()
    try:
        folder = _open_steps(path, below)
    except FileNotFoundError:
        return mended
    except OSError:
        mended.failed += 1
        return mended
    try:
        device = os.lstat(path).st_dev
        _mend(folder, owner, device, mended)
        _mend_children(folder, owner, device, mended, MAX_DEPTH if deep else 0)
    finally:
        os.close(folder)
    return mended


def _open_steps(path: str, below: tuple[str, ...]) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open(path, flags)
    for name in below:
        above = folder
        try:
            folder = os.open(name, flags, dir_fd=above)
        finally:
            os.close(above)
    return folder


def _mend_children(folder: int, owner: Owner, device: int, mended: Mended, depth: int) -> None:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        mended.failed += 1
        return
    for entry in entries:
        try:
            found = entry.stat(follow_symlinks=False)
            if found.st_uid != owner.uid or stat.S_ISDIR(found.st_mode):
                _mend_entry(folder, entry.name, owner, device, mended, depth)
        except OSError:
            mended.failed += 1


def _mend_entry(
    folder: int, name: str, owner: Owner, device: int, mended: Mended, depth: int
) -> None:
    held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        _mend(held, owner, device, mended)
        if depth and stat.S_ISDIR(os.fstat(held).st_mode) and os.fstat(held).st_dev == device:
            inner = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=held)
            try:
                _mend_children(inner, owner, device, mended, depth - 1)
            finally:
                os.close(inner)
    finally:
        os.close(held)


def _mend(held: int, owner: Owner, device: int, mended: Mended) -> None:
    found = os.fstat(held)
    if found.st_uid == owner.uid or found.st_dev != device:
        return
    if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode) and device == os.stat("/").st_dev:
        # It may be a file of the system's under a second name.
        mended.failed += 1
        return
    try:
        # What the descriptor holds, and nothing that has its name by now.
        os.chown(f"/proc/self/fd/{held}", owner.uid, owner.gid)
        mended.count += 1
    except OSError:
        mended.failed += 1
