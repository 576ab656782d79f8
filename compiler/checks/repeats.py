"""Finding what stands twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def find_repeats[P](items: Iterable[tuple[str, P]]) -> Iterator[tuple[str, P, P]]:
    """(name, its later place, its first place) for each name that was there before."""
    first: dict[str, P] = {}
    for name, place in items:
        if name in first:
            yield name, place, first[name]
        first.setdefault(name, place)
