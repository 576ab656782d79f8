"""Mappings of environment variables."""

from __future__ import annotations

from typing import Any

from compiler.source.document import Document, Path


def decode_variables(document: Document, path: Path) -> tuple[tuple[str, str | None], ...]:
    """The variables of the mapping at ``path``, nothing where there is none.

    Numbers are as they are written: 3.10 is a version to whoever writes it. None is null.
    """
    data: Any = document.data
    for step in path:
        if isinstance(data, dict) and step not in data:
            return ()
        data = data[step]
    return tuple((name, _text(value, document, (*path, name))) for name, value in data.items())


def _text(value: Any, document: Document, path: Path) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return document.plain.get(path, str(value))
