"""A sample fits into its evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Build


def check_timeouts(build: Build) -> Iterator[Diagnostic]:
    """MOR210 when one sample may take longer than the whole evaluation."""
    limits = build.limits
    if limits.sample > limits.evaluation:
        place = build.places.value("sample_timeout")
        yield diagnostic("MOR210", place, sample=limits.sample, whole=limits.evaluation)
