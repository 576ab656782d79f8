"""Amounts of memory: bytes, or a number with a unit."""

from __future__ import annotations

from typing import Final

_UNITS: Final = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
# What Docker starts a container with at the least.
LEAST: Final = 6 * 1024**2
MOST: Final = 2**50


def parse_memory(amount: int | str) -> int:
    """Bytes of ``536870912``, ``"512m"`` or ``"2g"``; the units are of 1024, as Docker has them.

    Raises ValueError for less than 6 MiB and more than a PiB.
    """
    text = str(amount).lower()
    unit = text[-1] if text[-1] in _UNITS else "b"
    size = int(text.rstrip("bkmg")) * _UNITS[unit]
    if not LEAST <= size <= MOST:
        raise ValueError("an amount of memory is at least 6m and at most 1048576g")
    return size
