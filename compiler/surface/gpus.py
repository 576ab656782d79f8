"""GPUs of a tong: how many, or which; nothing else that Docker's flag could reach."""

from __future__ import annotations

import re
from typing import Any, Final

_DEVICES: Final = re.compile(r'(?:device=(?P<one>[^,"=\s]+)|"device=(?P<list>[^"=\s]+)")', re.ASCII)


def parse_gpus(value: Any) -> str | int | tuple[str, ...]:
    """``all``, a count, ``device=ID``, or the list ``"device=0,1"`` in its double quotes.

    Raises ValueError for anything else.
    """
    text = str(value)
    if text == "all":
        return "all"
    if text.isascii() and text.isdigit() and 0 < int(text) <= 1024:
        return int(text)
    form = _DEVICES.fullmatch(text)
    ids = tuple((form["one"] or form["list"]).split(",")) if form else ()
    if not ids or not all(ids):
        raise ValueError('write all, a count, device=ID, or "device=ID,ID" in double quotes')
    return ids
