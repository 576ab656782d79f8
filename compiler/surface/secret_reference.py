"""References to secrets in a variable's value: ``${secret:<provider>:<reference>}``."""

from __future__ import annotations

import re
from typing import Final

_START: Final = "${secret"
_REFERENCE: Final = re.compile(
    r"\$\{secret:(?P<provider>[A-Za-z0-9][A-Za-z0-9_-]*):(?P<reference>[^}\x00-\x1f\x7f]+)\}"
)


def has_reference(text: str) -> bool:
    """True where a reference starts, well formed or not."""
    return _START in text


def parse_value(text: str) -> tuple[str | tuple[str, str], ...]:
    """Text, and (provider, reference) pairs; a reference may hold colons.

    Raises ValueError for a reference of another form.
    """
    parts: list[str | tuple[str, str]] = []
    at = 0
    for match in _REFERENCE.finditer(text):
        parts += [text[at : match.start()], (match["provider"], match["reference"])]
        at = match.end()
    parts.append(text[at:])
    if any(isinstance(part, str) and has_reference(part) for part in parts):
        raise ValueError("a reference is written ${secret:PROVIDER:REFERENCE}")
    return tuple(part for part in parts if part != "")
