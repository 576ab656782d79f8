"""Past so many complaints of one kind, the rest would only bury the first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

MOST: Final = 20


def first_few[T](complaints: Iterable[T]) -> Iterator[T]:
    """The first of them; those after are not even made, for each may take a search for what was
    meant."""
    return islice(complaints, MOST)
