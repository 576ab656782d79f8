"""A build that names nothing is allowed, and said."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Bare


def check_nothing_to_write(build: Bare) -> Iterator[Diagnostic]:
    """MOR125 where neither a task nor a container is described."""
    if build.empty:
        yield diagnostic("MOR125", build.places.value("name"))
