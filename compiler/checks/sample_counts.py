"""The counts of samples leave room for an evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.project import Inputs


def check_sample_counts(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR214 for a split below its own minimum, MOR215 for a budget below it."""
    build = inputs.build
    counts = {data.split: len(data.ids) for data in inputs.data if data.whole}
    for split in build.splits:
        samples = counts.get(split.name, 0)
        if split.evaluable and 0 < samples < split.min_samples:
            place = build.places.value(*split.path, "split")
            least = split.min_samples
            yield diagnostic("MOR214", place, split=split.name, samples=samples, least=least)
    for budget in build.budgets:
        listed = build.split(budget.split)
        bounds = [b for b in (budget.samples, budget.samples_per_run) if b is not None]
        if listed is None or not listed.evaluable or not bounds:
            continue
        # Of a split that is not viewable only the whole can be evaluated.
        whole = listed.access.value == "non_viewable"
        least = counts.get(listed.name, 0) if whole else listed.min_samples
        if min(bounds) < least:
            place = build.places.value(*budget.path)
            yield diagnostic("MOR215", place, split=listed.name, most=min(bounds), least=least)
