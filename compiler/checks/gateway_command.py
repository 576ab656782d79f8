"""The command of gateways uses known placeholders, and its user is not root."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import Build

PLACEHOLDERS: Final = ("{profile}", "{port}", "{home}")
_LIKE_A_PLACEHOLDER: Final = re.compile(r"\{[A-Za-z_]+\}")


def check_gateway_command(build: Build) -> Iterator[Diagnostic]:
    """MOR602 for a misspelt placeholder, MOR603 for root."""
    if build.gateways is None:
        return
    for i, word in enumerate(build.gateways.command):
        for match in _LIKE_A_PLACEHOLDER.findall(word):
            near = suggest_name(match, PLACEHOLDERS)
            if match not in PLACEHOLDERS and near:
                place = build.places.value("gateways", "command", i)
                yield diagnostic("MOR602", place, placeholder=match, near=near)
    if build.gateways.user == "root":
        yield diagnostic("MOR603", build.places.value("gateways", "user"))
