"""Lists of names hold each name once."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.checks.repeats import find_repeats
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Build


def check_repeated_names(build: Build) -> Iterator[Diagnostic]:
    """MOR207 for input fields and secrets."""
    for key, names in (("input_fields", build.input_fields), ("secrets", build.secrets)):
        places = [(name, build.places.value(key, i)) for i, name in enumerate(names)]
        for name, again, first in find_repeats(places):
            yield diagnostic("MOR207", again, name=name, first=first.line)
