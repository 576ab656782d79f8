"""Text for a terminal: what others wrote is escaped, columns are aligned."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def shown(value: object, width: int = 0) -> str:
    """One line without control, format or undecodable characters; cut to `width` unless 0."""
    text = "".join(c if c.isprintable() else _escaped(c) for c in str(value))
    if width and len(text) > width:
        return text[: width - 3] + "..."
    return text


def _escaped(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]


def number(value: object) -> str:
    """A score for people: four decimals; what is no number as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return shown(value)
    return f"{value:.4f}"


def say(line: str) -> None:
    """Progress and warnings; standard output is for results."""
    print(line, file=sys.stderr, flush=True)
