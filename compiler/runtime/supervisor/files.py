"""Small files in folders that others may have written to: whole, bounded, no link followed."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

MAX_BYTES = 1024 * 1024


class Unusable(Exception):
    """A file is there but is not what it should be; one word for a log."""


def read_small(path: str) -> bytes | None:
    """The content of a regular file of at most a mebibyte; None when there is nothing."""
    try:
        # Without O_NONBLOCK a fifo of that name would hold up whoever reads.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unusable("unreadable") from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise Unusable("no-file")
        with os.fdopen(file, "rb", closefd=False) as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unusable("unreadable") from error
    finally:
        os.close(file)
    if len(content) > MAX_BYTES:
        raise Unusable("too-large")
    return content


def read_object(path: str) -> dict[str, Any] | None:
    """The JSON object in a small file; None when there is none."""
    content = read_small(path)
    if content is None:
        return None
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unusable("corrupt") from error
    if not isinstance(value, dict):
        raise Unusable("corrupt")
    return value


def write_whole(path: str, content: bytes, *, durable: bool = True) -> None:
    """Puts a new file there in one step; after it returns, a crash of the machine leaves it."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o644)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    if durable:
        sync_folder(folder)


def sync_folder(path: str) -> None:
    """Makes what was renamed into a folder last."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def encode_object(value: dict[str, Any]) -> bytes:
    """One line of JSON."""
    return (json.dumps(value, sort_keys=True) + "\n").encode("utf-8")
