"""The partition of mode B: tasks that exist, once, and not both hidden and visible."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.checks.few import first_few
from compiler.checks.repeats import find_repeats
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.build import Access, ModeB
from compiler.ir.project import Inputs, SplitData


def check_partition(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR221, MOR222, MOR226, the first few of each."""
    build = inputs.build
    if not isinstance(build, ModeB):
        return
    yield from first_few(_check_repeats(inputs, build))
    yield from first_few(_check_tiers(inputs, build))
    if build.inner_task is not None and inputs.inner:
        yield from first_few(_check_names(inputs, build, build.inner_task))


def _check_repeats(inputs: Inputs, build: ModeB) -> Iterator[Diagnostic]:
    for data in inputs.data:
        for task, at, _ in find_repeats([(name, i) for i, name in enumerate(data.ids)]):
            yield diagnostic("MOR221", _place(build, data, at), split=data.split, task=task)


def _place(build: ModeB, data: SplitData, index: int) -> Span:
    """The task's own place; of a task from a file, the place that names the file."""
    written = build.places.has("partition", data.split)
    return build.places.value("partition", data.split, index) if written else data.place


def _check_tiers(inputs: Inputs, build: ModeB) -> Iterator[Diagnostic]:
    visible: dict[str, str] = {}
    for data in inputs.data:
        if _access(build, data.split) is Access.VIEWABLE:
            visible.update((task, data.split) for task in data.ids)
    for data in inputs.data:
        if _access(build, data.split) is Access.VIEWABLE:
            continue
        for i, task in enumerate(data.ids):
            if task in visible:
                place = _place(build, data, i)
                yield diagnostic(
                    "MOR222", place, task=task, hidden=data.split, visible=visible[task]
                )


def _access(build: ModeB, split: str) -> Access:
    listed = build.split(split)
    return listed.access if listed else Access.NO_ACCESS


def _check_names(inputs: Inputs, build: ModeB, folder: str) -> Iterator[Diagnostic]:
    known = frozenset(inputs.inner_tasks)
    for data in inputs.data:
        for i, task in enumerate(data.ids):
            if task not in known:
                near = suggest_name(task, inputs.inner_tasks[:1000])
                hint = f"did you mean `{near}`?" if near else "a task is a folder with a task.toml"
                place = _place(build, data, i)
                yield diagnostic("MOR226", place, task=task, folder=folder, hint=hint)
