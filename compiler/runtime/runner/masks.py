"""Secrets of candidates, kept out of what is shown of them: for the daemon and for agents."""

from __future__ import annotations

from collections.abc import Mapping

# Shorter ones are words that a program says anyway.
SHORTEST_HIDDEN = 8


def mask(secrets: Mapping[str, str], text: str) -> str:
    """`text` with each secret's value that stands in it whole replaced by its name.

    This keeps accidents out of results and logs; code that wants to show a secret still can.
    """
    # The longest first: one may be a part of another.
    for name, value in sorted(secrets.items(), key=_length, reverse=True):
        if len(value) >= SHORTEST_HIDDEN:
            text = text.replace(value, f"[{name}]")
    return text


def _length(pair: tuple[str, str]) -> int:
    return len(pair[1])
