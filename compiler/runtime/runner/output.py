"""The file in which a sample answers, read with the rights of the sample's user."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """What stood in the sample's output file: `data` is empty unless `state` is `present`."""

    state: str
    data: bytes


def read_output(path: str, limit: int) -> Output:
    """The sample's answer, if it is a regular file of at most `limit` bytes."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        os.chmod(os.path.dirname(path), 0o700)
        file = os.open(path, flags)
    except FileNotFoundError:
        return Output(state="missing", data=b"")
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM):
            return Output(state="not_a_file", data=b"")
        raise
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            return Output(state="not_a_file", data=b"")
        if found.st_size > limit:
            return Output(state="too_large", data=b"")
        return Output(state="present", data=os.read(file, limit))
    finally:
        os.close(file)
