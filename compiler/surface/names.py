"""The forms of names, where they do not come through the schema."""

from __future__ import annotations

import re
from typing import Final

from compiler import resources

_LONGEST: Final = 100


def is_split_name(name: str) -> bool:
    """True for what the schema accepts as the name of a split."""
    pattern: str = resources.schema("build")["$defs"]["split"]["pattern"]
    return (
        len(name) <= _LONGEST
        and re.fullmatch(pattern.removeprefix("^").removesuffix("$"), name) is not None
    )
