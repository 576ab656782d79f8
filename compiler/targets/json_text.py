"""Data -> JSON text as Mooring writes it into artifacts."""

from __future__ import annotations

import json


def render_json(data: object) -> str:
    """Indented, ASCII, keys in the order of the data; raises ValueError for NaN and infinities."""
    return json.dumps(data, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def render_inline_json(data: object) -> str:
    """The same on one line."""
    return json.dumps(data, ensure_ascii=True, allow_nan=False)
