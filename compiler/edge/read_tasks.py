"""Mode B's inner tasks and partition -> the tasks of each split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span, span_at
from compiler.edge.list_files import list_files
from compiler.edge.paths import find_path, shown_path
from compiler.ir.build import Access, ModeB
from compiler.ir.project import SourceFile, SplitData
from compiler.passes.hidden_text import HiddenText
from compiler.source.document import Path as Place
from compiler.surface.names import is_task_name
from compiler.surface.schema_check import name_of_value


def read_inner_tasks(
    build: ModeB, root: Path, found: list[Diagnostic]
) -> tuple[tuple[SourceFile, ...], tuple[str, ...]]:
    """The files of the folder of inner tasks, and the tasks' names (folders with a task.toml)."""
    if build.inner_task is None:
        return (), ()
    place = build.places.value("inner_task")
    what = "the folder of inner tasks"
    folder = find_path(build, place, build.inner_task, what, root, found, folder=True)
    if folder is None:
        return (), ()
    files = list_files(folder, place, found)
    marked = (f.path.split("/") for f in files if f.path.endswith("/task.toml"))
    return files, tuple(sorted(folders[0] for folders in marked if len(folders) == 2))


def read_partition(
    build: ModeB, root: Path, hidden: HiddenText, found: list[Diagnostic]
) -> tuple[SplitData, ...]:
    """The splits in the order in which they are written; ``hidden`` learns the hidden names."""
    written = [(split, ids, ("partition", split)) for split, ids in build.partition]
    from_files = [
        (split, _read_names(build, split, path, root, found), ("partition_files", split))
        for split, path in build.partition_files
    ]
    data = []
    for split, names, path in [*written, *from_files]:
        ids, place = names or (), build.places.value(*path)
        data.append(
            SplitData(
                split=split,
                file=f"{split}.json",
                ids=ids,
                source=None,
                place=place,
                whole=names is not None,
            )
        )
        _learn(build, split, ids, path, hidden)
    return tuple(data)


def _learn(build: ModeB, split: str, ids: tuple[str, ...], path: Place, hidden: HiddenText) -> None:
    listed = build.split(split)
    if listed is None or listed.access is not Access.VIEWABLE:
        for i, name in enumerate(ids):
            place = build.places.value(*path, i)
            hidden.learn_name(name, place, public=build.inner_task is None)


def _read_names(
    build: ModeB, split: str, path: str, root: Path, found: list[Diagnostic]
) -> tuple[str, ...] | None:
    place = build.places.value("partition_files", split)
    what = f"the partition file of `{split}`"
    file = find_path(build, place, path, what, root, found, folder=False)
    if file is None:
        return None
    try:
        names: Any = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        found.append(_not_json(build, place, path, error))
        return None
    if not isinstance(names, list):
        problem = f"it is {name_of_value(names)}"
        found.append(diagnostic("MOR224", place, file=path, problem=problem))
        return None
    wrong = [name for name in names if not isinstance(name, str) or not is_task_name(name)]
    if wrong:
        problem = f"{json.dumps(wrong[0])[:80]} is not the name of a task's folder"
        found.append(diagnostic("MOR224", place, file=path, problem=problem))
        return None
    return tuple(names)


def _not_json(build: ModeB, place: Span, path: str, error: Exception) -> Diagnostic:
    """Where the file's own text is at fault, the complaint points into it."""
    problem = str(error)
    if isinstance(error, json.JSONDecodeError):
        problem = error.msg[:1].lower() + error.msg[1:]
        place = span_at(shown_path(build, path), error.lineno, error.colno)
    elif isinstance(error, UnicodeDecodeError):
        problem = f"it is not UTF-8 at byte {error.start}"
    elif isinstance(error, RecursionError):
        problem = "it is nested too deeply"
    return diagnostic("MOR224", place, file=path, problem=problem)
