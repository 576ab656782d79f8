"""A sample fits into its evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import ModeA, Task


def check_timeouts(build: Task) -> Iterator[Diagnostic]:
    """MOR210 when one sample may take longer than the whole evaluation."""
    whole = build.limits.evaluation
    if isinstance(build, ModeA) and build.sample_seconds > whole:
        place = build.places.value("sample_timeout")
        yield diagnostic("MOR210", place, sample=build.sample_seconds, whole=whole)
