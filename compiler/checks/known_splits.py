"""Budgets, targets and the selection name splits that are listed; none is listed twice."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.checks.repeats import find_repeats
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import ModeB, Task
from compiler.source.document import Path


def check_known_splits(build: Task) -> Iterator[Diagnostic]:
    """MOR200 for an unknown name, MOR201 for a repeated entry."""
    listed = [(split.name, (*split.path, "split")) for split in build.splits]
    for name, again, first in find_repeats(listed):
        line = build.places.value(*first).line
        yield diagnostic("MOR201", build.places.value(*again), split=name, first=line)
    for name, path in _references(build):
        if build.split(name) is None:
            known = [split for split, _ in listed]
            near = suggest_name(name, known)
            hint = f"did you mean `{near}`?" if near else f"the splits are: {', '.join(known)}"
            yield diagnostic("MOR200", build.places.value(*path), split=name, hint=hint)


def _references(build: Task) -> Iterator[tuple[str, Path]]:
    yield build.selection.split, ("selection_split",)
    for budget in build.budgets:
        yield budget.split, (*budget.path, "split")
    for target in build.targets:
        yield target.split, (*target.path, "split")
    if isinstance(build, ModeB):
        for split, _ in build.partition:
            yield split, ("partition", split)
        for split, _ in build.partition_files:
            yield split, ("partition_files", split)
