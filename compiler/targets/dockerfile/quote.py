"""Quoting for Dockerfiles."""

from __future__ import annotations

import json
from collections.abc import Sequence


def exec_form(argv: Sequence[str]) -> str:
    """An argv as the JSON array of an instruction's exec form, in which nothing is expanded.

    ASCII on one line. ``<`` is escaped as well, so that no reader takes ``<<WORD`` for a heredoc.
    """
    return json.dumps(list(argv), ensure_ascii=True).replace("<", "\\u003c")
