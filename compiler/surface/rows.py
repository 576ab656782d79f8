"""The lines of a split's file -> samples: one JSON object each, with unique ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span, span_at
from compiler.surface.schema_check import name_of_value

# Past this many complaints about one split the rest would only bury the first.
_MOST_COMPLAINTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sample: its id, its data, its line as written (without the line end), and its place."""

    id: str
    data: dict[str, Any]
    line: bytes
    place: Span


@dataclass
class RowReader:
    """Reads the rows of one file. ``found`` collects what is wrong with them."""

    file: str
    input_fields: tuple[str, ...]
    found: list[Diagnostic] = field(default_factory=list)
    _first_line: dict[str, int] = field(default_factory=dict)

    def read(self, lines: Iterable[bytes]) -> Iterator[Row]:
        """The samples in order; stops early where complaints pile up.

        A sample's id is its field ``id`` as text, or the decimal index of its line, from 0.
        """
        for number, line in enumerate(lines, start=1):
            data = self._decode(line, number)
            row = None if data is None else self._check(data, number, line)
            if row is not None:
                yield row
            if len(self.found) >= _MOST_COMPLAINTS:
                return

    def _decode(self, line: bytes, number: int) -> dict[str, Any] | None:
        place = _line_span(self.file, number, line)
        if not line.strip():
            self.found.append(diagnostic("MOR311", place, problem="it is blank"))
            return None
        try:
            row = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            place = span_at(self.file, number, error.colno)
            problem = error.msg[:1].lower() + error.msg[1:]
        except RecursionError:
            problem = "it is nested too deeply"
        except ValueError as error:
            problem = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        else:
            if isinstance(row, dict):
                return row
            problem = f"it is {name_of_value(row)}, not an object"
        self.found.append(diagnostic("MOR311", place, problem=problem))
        return None

    def _check(self, data: dict[str, Any], number: int, line: bytes) -> Row | None:
        place = _line_span(self.file, number, line)
        given = data.get("id", number - 1)
        if isinstance(given, bool) or not isinstance(given, (str, int)) or given == "":
            names = {None: "null", "": "empty"}
            actual = names[given] if given in (None, "") else name_of_value(given)
            self.found.append(diagnostic("MOR317", place, actual=actual))
            return None
        name = str(given)
        if name in self._first_line:
            first = self._first_line[name]
            self.found.append(diagnostic("MOR312", place, id=name, first=first))
        self._first_line.setdefault(name, number)
        missing = [wanted for wanted in self.input_fields if wanted not in data]
        self.found.extend(diagnostic("MOR313", place, field=wanted) for wanted in missing)
        return Row(id=name, data=data, line=line.rstrip(b"\r\n"), place=place)


def _line_span(file: str, number: int, line: bytes) -> Span:
    width = len(line.rstrip(b"\r\n").decode("utf-8", "replace"))
    return Span(file=file, line=number, column=1, end_line=number, end_column=width + 1)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
