"""Putting a finished folder in the place of another, in one step."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from pathlib import Path
from typing import Any, Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2  # linux/fs.h
# What the kernel or a file system without the exchange answers.
_UNSUPPORTED: Final = frozenset((errno.ENOSYS, errno.EINVAL, errno.ENOTSUP))


def put_in_place(staged: Path, place: Path, aside: Path) -> None:
    """After this, ``place`` is what ``staged`` was; what it was lies at ``staged`` or ``aside``.

    Where the file system has no exchange, the old folder steps aside first: a process killed
    between the two renames leaves it at ``aside``, from where ``restore`` takes it back.
    Raises OSError; ``place`` then still is what it was.
    """
    if not os.path.lexists(place):
        os.rename(staged, place)
        return
    if _exchange(staged, place):
        return
    os.rename(place, aside)
    try:
        os.rename(staged, place)
    except OSError:
        os.rename(aside, place)
        raise


def restore(place: Path, aside: Path) -> bool:
    """Take back what a killed run left aside; True when there was something to take back."""
    if not os.path.lexists(aside) or os.path.lexists(place):
        return False
    os.rename(aside, place)
    return True


@cache
def _renameat2() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    return getattr(library, "renameat2", None)


def _exchange(a: Path, b: Path) -> bool:
    """True when the two changed places; False where that is not supported."""
    call = _renameat2()
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), os.fspath(b))
