"""The selection split is one that the optimiser can evaluate."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Build


def check_selection(build: Build) -> Iterator[Diagnostic]:
    """MOR202: without evaluations on the split there would be no candidates to choose from."""
    split = build.split(build.selection_split)
    if split is not None and not split.evaluable:
        place = build.places.value("selection_split")
        yield diagnostic("MOR202", place, split=split.name, access=split.access.value)
