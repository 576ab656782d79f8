"""Names as parts of environment variables."""

from __future__ import annotations

import re
from typing import Final

from compiler import contracts

_OTHER: Final = re.compile(r"[^A-Z0-9]+")


def variable_name(name: str) -> str:
    """``name`` in upper case, each run of other characters than A-Z and 0-9 as one ``_``."""
    return _OTHER.sub("_", name.upper())


def gateway_variable(profile: str, what: str) -> str:
    """The variable that tells ``what`` (HOST, PORT) of a profile's gateway."""
    return f"{contracts.GATEWAY_PREFIX}{variable_name(profile)}_{what}"
