"""'Did you mean': the nearest known word."""

from __future__ import annotations

from collections.abc import Iterable


def suggest_name(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word``, or None when none is near enough."""
    from difflib import get_close_matches

    names = list(known)
    by_folded = {_folded(name): name for name in reversed(names)}
    near = get_close_matches(_folded(word), list(by_folded), n=1, cutoff=0.65)
    return by_folded[near[0]] if near else None


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")
