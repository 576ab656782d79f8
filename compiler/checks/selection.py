"""The selection split can be evaluated, and submitting is possible where it decides."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import RewardMode, Task


def check_selection(build: Task) -> Iterator[Diagnostic]:
    """MOR202: a split without evaluations to choose by; MOR212: a submission nobody can make."""
    selection = build.selection
    split = build.split(selection.split)
    if split is not None and not split.evaluable:
        place = build.places.value("selection_split")
        yield diagnostic("MOR202", place, split=split.name, access=split.access.value)
    if selection.mode is RewardMode.SUBMIT and not selection.submit_enabled:
        yield diagnostic("MOR212", build.places.value("reward_mode"))
