"""Reading files that others wrote: regular ones alone, bounded, never waited for."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

# NaN and infinity compare as not within it, too large integers are not.
MOST = 1e300


class Unreadable(ValueError):
    """The file is missing, is no regular file, is too large, or does not hold what it should."""


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most `most`; a pipe in its place is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable("it is not a regular file")
            raw = file.read(most + 1)
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    if len(raw) > most:
        raise Unreadable(f"it is larger than {most} bytes")
    return raw


def decode_object(raw: bytes) -> dict[str, Any]:
    """A JSON object, and not nested deeper than the reader bears."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Unreadable("it is not a JSON object")
    return value


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON value")


def is_number(value: Any) -> bool:
    """True for a number that a float can hold; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= MOST
