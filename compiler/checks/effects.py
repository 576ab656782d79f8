"""Keys that say nothing beside others."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import RewardMode, Task


def check_effects(build: Task) -> Iterator[Diagnostic]:
    """MOR128 for a key whose value nothing reads."""
    selection = build.selection
    if selection.mode is RewardMode.SUBMIT and selection.baseline_floor:
        why = "with `reward_mode: submit` the optimiser chooses, not the scores"
        yield diagnostic(
            "MOR128", build.places.key("baseline_floor"), key="baseline_floor", why=why
        )
    for split in build.splits:
        if not split.evaluable and build.places.has(*split.path, "min_samples"):
            place = build.places.key(*split.path, "min_samples")
            why = "the optimiser cannot evaluate the split"
            yield diagnostic("MOR128", place, key="min_samples", why=why)
