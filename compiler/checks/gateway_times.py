"""Times of gateways are within what their supervisor takes."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Build
from compiler.ir.gateways import Gateways
from compiler.source.document import Path


def check_gateway_times(build: Build) -> Iterator[Diagnostic]:
    """MOR609 for a time that is too long."""
    if build.gateways is None:
        return
    for path, seconds, most in _times(build.gateways):
        if seconds > most:
            place = build.places.value("gateways", *path)
            yield diagnostic("MOR609", place, key=path[-1], seconds=seconds, most=most)


def _times(gateways: Gateways) -> Iterator[tuple[Path, float, float]]:
    """Where each is written, what it is, and the most that is allowed, in seconds."""
    yield ("crash", "window"), gateways.crash.window, 86400
    yield ("crash", "max_backoff"), gateways.crash.max_backoff, 3600
    yield ("stop_timeout",), gateways.stop_seconds, 3600
