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
