"""Amounts of memory: bytes, or a number with a unit."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_FORM: Final = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,6})?)(?:([bkmg])(?:i?b)?)?", re.ASCII)
# What Docker starts a container with at the least.
LEAST: Final = 6 * 1024**2
MOST: Final = 2**50


def parse_memory(amount: int | str) -> int:
    """Bytes of ``536870912``, ``"512m"``, ``"1.5GiB"`` or ``"2g"``; the units are of 1024, as
    Docker has them.

    Raises ValueError for another form, less than 6 MiB and more than a PiB.
    """
    form = _FORM.fullmatch(str(amount).lower())
    if form is None:
        raise ValueError("write a number, and a unit of b, k, m or g")
    number, unit = form[1], _UNITS[form[2] or "b"]
    size = int(float(number) * unit) if "." in number else int(number) * unit
    if not LEAST <= size <= MOST:
        raise ValueError("an amount of memory is at least 6m and at most 1048576g")
    return size
