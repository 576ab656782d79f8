"""A source file as data with places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.diagnostics.span import Span

type Path = tuple[str | int, ...]
"""Keys and list indices from the top of a document to a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the nodes of a document stand: the span of each value, and of each mapping's keys."""

    file: str
    values: Mapping[Path, Span]
    keys: Mapping[Path, Span]

    def value(self, *path: str | int) -> Span:
        """The span of the value at ``path``, or of the nearest node above it that exists."""
        return self._nearest(self.values, path)

    def key(self, *path: str | int) -> Span:
        """The span of the key that leads to ``path``; of the value where it is a list's item."""
        return self.keys.get(path) or self.value(*path)

    def has(self, *path: str | int) -> bool:
        """True when the document has a node at ``path``."""
        return path in self.values

    def _nearest(self, spans: Mapping[Path, Span], path: Path) -> Span:
        while path and path not in spans:
            path = path[:-1]
        return spans[path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's data (dict, list, str, int, float, bool, None), its text, and its nodes' places.

    ``plain`` maps the paths of the scalars that were written without quotes or tag to their text.
    """

    data: Any
    text: str
    places: Places
    plain: Mapping[Path, str]


def list_items(document: Document, key: str) -> tuple[Document, ...]:
    """The items of the list under ``key`` of the top, each a document with places of its own."""
    items = document.data[key]
    values, keys = _by_item(document.places.values, key), _by_item(document.places.keys, key)
    plain = _by_item(document.plain, key)
    return tuple(
        Document(
            data=item,
            text=document.text,
            places=Places(
                file=document.places.file, values=values.get(i, {}), keys=keys.get(i, {})
            ),
            plain=plain.get(i, {}),
        )
        for i, item in enumerate(items)
    )


def _by_item[T](found: Mapping[Path, T], key: str) -> dict[str | int, dict[Path, T]]:
    """One walk, not one for each item."""
    grouped: dict[str | int, dict[Path, T]] = {}
    for path, what in found.items():
        if len(path) > 1 and path[0] == key:
            grouped.setdefault(path[1], {})[path[2:]] = what
    return grouped
