"""What a plain (unquoted) scalar means: YAML 1.2's core schema, https://yaml.org/spec/1.2.2/#103-core-schema."""

from __future__ import annotations

import math
import re
from typing import Final

type Scalar = str | int | float | bool | None

_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL: Final = {
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_DECIMAL: Final = re.compile(r"[-+]?[0-9]{1,4300}\Z", re.ASCII)
_OCTAL: Final = re.compile(r"0o[0-7]{1,4300}\Z", re.ASCII)
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,3000}\Z", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", re.ASCII)


def type_plain(text: str) -> Scalar:
    """The value of a plain scalar; whatever is nothing else is a string.

    Numbers that are not finite stay text: no key has a use for them, and JSON cannot hold them.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _DECIMAL.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text, 0)
    if _HEX.match(text):
        return int(text, 0)
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return number
    return text
