"""A target has samples, and those that it names exist."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.checks.few import first_few
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.project import Inputs


def check_target_samples(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR211 for a target on an empty split, MOR213 for a sample that is not in it: the first few
    of them."""
    return first_few(_check(inputs))


def _check(inputs: Inputs) -> Iterator[Diagnostic]:
    build = inputs.build
    ids = {data.split: data.ids for data in inputs.data if data.whole}
    for target in build.targets:
        known = ids.get(target.split)
        if known is None:
            continue
        if not known:
            place = build.places.value(*target.path, "split")
            yield diagnostic("MOR211", place, split=target.split)
            continue
        wanted, there = target.sample_ids or (), frozenset(known)
        for i, name in enumerate(wanted):
            if name not in there:
                near = suggest_name(name, known[:1000])
                hint = f"did you mean `{near}`?" if near else f"its first sample is `{known[0]}`"
                place = build.places.value(*target.path, "sample_ids", i)
                yield diagnostic("MOR213", place, split=target.split, id=name, hint=hint)
