"""The forms of names, where they do not come through the schema."""

from __future__ import annotations

import re
from functools import cache

from compiler import resources


def is_split_name(name: str) -> bool:
    """True for what the schema accepts as the name of a split."""
    return _matches("split", name)


def is_task_name(name: str) -> bool:
    """True for what the schema accepts as the name of an inner task."""
    return _matches("task_name", name)


def _matches(definition: str, name: str) -> bool:
    pattern, longest = _form(definition)
    return len(name) <= longest and pattern.fullmatch(name) is not None


@cache
def _form(definition: str) -> tuple[re.Pattern[str], int]:
    form = resources.schema("build")["$defs"][definition]
    return re.compile(form["pattern"].removeprefix("^").removesuffix("$")), form["maxLength"]
