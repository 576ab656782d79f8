"""Text for a terminal: what others wrote is escaped."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO


def shown(value: object) -> str:
    """One line without control, format or undecodable characters."""
    return "".join(c if c.isprintable() else _escaped(c) for c in str(value))


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


def is_terminal(stream: TextIO | None) -> bool:
    """False, too, for a stream that was closed before this program began."""
    return stream is not None and stream.isatty()


def say(line: str) -> None:
    """Progress, warnings and prompts; standard output belongs to the harness."""
    print(f"mooring: {shown(line)}", file=sys.stderr, flush=True)
