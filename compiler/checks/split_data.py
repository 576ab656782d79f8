"""Each listed split has samples; data of an unlisted one is no_access, and that is said."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import ModeA, Split
from compiler.ir.project import Inputs
from compiler.surface.names import is_split_name


def check_split_data(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR314, MOR315 (mode A), MOR229, MOR220 (mode B); MOR206: unlisted data, MOR316: its name."""
    build = inputs.build
    if not inputs.data and isinstance(build, ModeA):
        return  # the dataset as a whole is missing, and that has been said
    found = {data.split: data for data in inputs.data}
    for split in build.splits:
        if split.name not in found:
            yield _missing(inputs, split, sorted(found))
        elif found[split.name].whole and not found[split.name].ids:
            yield _empty(inputs, split.name, _place(inputs, split), found[split.name].file)
    for name in sorted(set(found) - {split.name for split in build.splits}):
        place = found[name].place
        if not is_split_name(name):
            yield diagnostic("MOR316", place, name=name)
        elif found[name].whole and not found[name].ids:
            yield _empty(inputs, name, place, found[name].file)
        else:
            yield diagnostic("MOR206", place, split=name)


def _missing(inputs: Inputs, split: Split, known: list[str]) -> Diagnostic:
    place = _place(inputs, split)
    near = suggest_name(split.name, known)
    what = "data" if isinstance(inputs.build, ModeA) else "a partition"
    listed = f"there is {what} for: {', '.join(known) or 'no split'}"
    hint = f"did you mean `{near}`?" if near else listed
    if isinstance(inputs.build, ModeA):
        file = f"{split.name}.jsonl"
        return diagnostic("MOR314", place, split=split.name, file=file, hint=hint)
    return diagnostic("MOR229", place, split=split.name, hint=hint)


def _empty(inputs: Inputs, name: str, place: Span, file: str) -> Diagnostic:
    if isinstance(inputs.build, ModeA):
        return diagnostic("MOR315", place, split=name, file=file)
    return diagnostic("MOR220", place, split=name)


def _place(inputs: Inputs, split: Split) -> Span:
    return inputs.build.places.value(*split.path, "split")
