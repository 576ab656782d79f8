"""Each target has a reward key of its own."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.checks.repeats import find_repeats
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Task


def check_targets(build: Task) -> Iterator[Diagnostic]:
    """MOR203 for a second use of a key."""
    keys = [(target.reward_key, (*target.path, "reward_key")) for target in build.targets]
    for key, again, first in find_repeats(keys):
        line = build.places.value(*first).line
        yield diagnostic("MOR203", build.places.value(*again), key=key, first=line)
