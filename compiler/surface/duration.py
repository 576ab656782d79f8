"""Durations: a number of seconds, or a number with a unit."""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
LONGEST: Final = 30 * 24 * 3600.0


def parse_duration(value: float | str) -> float:
    """Seconds of ``90``, ``"90"``, ``"500ms"``, ``"90s"``, ``"30m"`` or ``"2h"``.

    Raises ValueError for another form and for what is not above zero or above thirty days.
    """
    if isinstance(value, bool):
        raise ValueError("true and false are no durations")
    seconds = value if isinstance(value, (int, float)) else _seconds_of_text(value)
    if not 0 < seconds <= LONGEST:
        raise ValueError("a duration is above zero and at most thirty days")
    return float(seconds)


def _seconds_of_text(text: str) -> float:
    number = text.rstrip("mshMSH")
    unit = text[len(number) :]
    if unit and unit not in _SECONDS:
        raise ValueError(f"unknown unit {unit!r}")
    if not _NUMBER.fullmatch(number):
        raise ValueError("write a number, and a unit of ms, s, m or h")
    return float(number) * _SECONDS.get(unit, 1.0)
