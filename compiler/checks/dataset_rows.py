"""The rows of a split: one JSON object a line, with the input fields and unique ids."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.surface.schema_check import name_of_value

# Past this many complaints about one split the rest would only bury the first.
_MOST_COMPLAINTS: Final = 20


def check_rows(
    lines: Iterable[bytes], file: str, input_fields: tuple[str, ...]
) -> tuple[int, tuple[Diagnostic, ...]]:
    """How many samples the lines hold, and what is wrong with them.

    A sample's id is its field ``id`` as text, or the decimal index of its line, counted from 0.
    """
    found: list[Diagnostic] = []
    first_line: dict[str, int] = {}
    count = 0
    for number, line in enumerate(lines, start=1):
        row = _decode_row(line, number, file, found)
        if row is not None:
            _check_row(row, count, _line_span(file, number, line), input_fields, first_line, found)
        count = number
        if len(found) >= _MOST_COMPLAINTS:
            break
    return count, tuple(found)


def sample_id(row: dict[str, Any], index: int) -> str:
    """The id rule of the contracts: the row's own, or its index."""
    return str(row["id"]) if "id" in row else str(index)


def _line_span(file: str, number: int, line: bytes) -> Span:
    width = len(line.rstrip(b"\r\n").decode("utf-8", "replace"))
    return Span(file=file, line=number, column=1, end_line=number, end_column=width + 1)


def _decode_row(
    line: bytes, number: int, file: str, found: list[Diagnostic]
) -> dict[str, Any] | None:
    place = _line_span(file, number, line)
    if not line.strip():
        found.append(diagnostic("MOR311", place, problem="it is blank"))
        return None
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = Span(
            file=file, line=number, column=error.colno, end_line=number, end_column=error.colno + 1
        )
        problem = error.msg[:1].lower() + error.msg[1:]
    except RecursionError:
        problem = "it is nested too deeply"
    except ValueError as error:
        problem = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
    else:
        if isinstance(row, dict):
            return row
        problem = f"it is {name_of_value(row)}, not an object"
    found.append(diagnostic("MOR311", place, problem=problem))
    return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check_row(
    row: dict[str, Any],
    index: int,
    place: Span,
    input_fields: tuple[str, ...],
    first_line: dict[str, int],
    found: list[Diagnostic],
) -> None:
    given = row.get("id", index)
    if isinstance(given, bool) or not isinstance(given, (str, int)) or given == "":
        actual = "empty" if given == "" else name_of_value(given)
        found.append(diagnostic("MOR317", place, actual=actual))
        return
    name = sample_id(row, index)
    if name in first_line:
        found.append(diagnostic("MOR312", place, id=name, first=first_line[name]))
    first_line.setdefault(name, place.line)
    missing = [wanted for wanted in input_fields if wanted not in row]
    found.extend(diagnostic("MOR313", place, field=wanted) for wanted in missing)
