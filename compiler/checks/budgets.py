"""A budget is for a split that can be evaluated, and there is one a split."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.checks.repeats import find_repeats
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Task


def check_budgets(build: Task) -> Iterator[Diagnostic]:
    """MOR204 for a second budget, MOR205 for one without effect."""
    entries = [(budget.split, (*budget.path, "split")) for budget in build.budgets]
    for name, again, first in find_repeats(entries):
        line = build.places.value(*first).line
        yield diagnostic("MOR204", build.places.value(*again), split=name, first=line)
    for name, path in entries:
        split = build.split(name)
        if split is not None and not split.evaluable:
            yield diagnostic("MOR205", build.places.value(*path), split=name)
