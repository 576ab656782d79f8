"""A secret is never a parameter."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Build


def check_secrets(build: Build) -> Iterator[Diagnostic]:
    """MOR401: a parameter's value goes into the artifacts."""
    for i, name in enumerate(build.secrets):
        if name in build.params:
            yield diagnostic("MOR401", build.places.value("secrets", i), name=name)
