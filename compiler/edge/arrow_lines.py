"""Arrow tables -> the lines of a jsonl file, without holding more than a stretch of rows.

A row becomes one JSON object with the columns in their order: whole numbers, numbers, text, truth
values and nulls as JSON has them, lists as arrays, structs as objects, dictionary-encoded values as
themselves. Every other type (dates, bytes, decimals, maps...) is refused and never guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

# Rows that are held at once.
_STRETCH: Final = 1000
_SCALARS: Final = ("null", "boolean", "integer", "floating", "string", "large_string")
_LISTS: Final = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
_ENCODED: Final = ("dictionary", "run_end_encoded")


class ArrowProblem(ValueError):
    """A file is no Arrow stream that can be read; ``str`` says why, as part of a sentence."""


def has_pyarrow() -> bool:
    """True when the package that reads Arrow files is installed."""
    try:
        import_module("pyarrow")
    except ImportError:
        return False
    return True


def list_unfit_columns(tables: Sequence[str]) -> list[tuple[str, str]]:
    """The columns (name and type) of the files that have no form in JSON; raises ArrowProblem."""
    types = import_module("pyarrow.types")
    found: dict[tuple[str, str], None] = {}
    for table in tables:
        for column in _read_schema(table):
            if not _fits(column.type, types):
                found[column.name, str(column.type)] = None
    return list(found)


def stream_lines(tables: Sequence[str]) -> Iterator[bytes]:
    """The rows of the files (Arrow IPC streams) in turn, a JSON line each; raises ArrowProblem.

    A number that is not finite is written as Python writes it, which is no JSON: whoever reads the
    lines refuses it with its place.
    """
    for table in tables:
        yield from _stream_table(table)


def _read_schema(table: str) -> Any:
    arrow = import_module("pyarrow")
    try:
        with arrow.OSFile(table) as file, arrow.ipc.open_stream(file) as reader:
            schema = reader.schema
    except (OSError, ValueError, arrow.ArrowException) as error:
        raise ArrowProblem(_reason(error)) from error
    names = schema.names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ArrowProblem(f"it has two columns `{twice}`")
    return schema


def _stream_table(table: str) -> Iterator[bytes]:
    arrow = import_module("pyarrow")
    try:
        with arrow.OSFile(table) as file, arrow.ipc.open_stream(file) as reader:
            for batch in reader:
                for start in range(0, batch.num_rows, _STRETCH):
                    for row in batch.slice(start, _STRETCH).to_pylist():
                        yield (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8")
    except (OSError, ValueError, arrow.ArrowException) as error:
        raise ArrowProblem(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "a text in it is not UTF-8"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _fits(kind: Any, types: Any) -> bool:
    if _is_one_of(kind, _SCALARS, types):
        return True
    if _is_one_of(kind, (*_LISTS, *_ENCODED), types):
        return _fits(kind.value_type, types)
    return bool(types.is_struct(kind)) and all(_fits(field.type, types) for field in kind)


def _is_one_of(kind: Any, names: tuple[str, ...], types: Any) -> bool:
    return any(getattr(types, f"is_{name}")(kind) for name in names)
