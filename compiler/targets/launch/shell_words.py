"""Text as words of a POSIX shell."""

from __future__ import annotations

import shlex


def quote(text: str) -> str:
    """The text as one word, or as a part of one, whatever is in it."""
    return shlex.quote(text)
