"""A stretch of a source file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """Lines and columns count from 1, columns in characters; the end is exclusive.

    ``file`` is the path as it is shown to people: as given on the command line, or relative to it.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


def span_at(file: str, line: int, column: int) -> Span:
    """One character."""
    return Span(file=file, line=line, column=column, end_line=line, end_column=column + 1)


def span_of_file(file: str) -> Span:
    """The place to name when a complaint is about a file as a whole."""
    return Span(file=file, line=1, column=1, end_line=1, end_column=1)
