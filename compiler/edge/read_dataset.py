"""The dataset's folder -> the samples of each split."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import span_of_file
from compiler.edge.paths import find_path, shown_path
from compiler.ir.build import ModeA
from compiler.ir.project import SplitData
from compiler.passes.hidden_text import HiddenText
from compiler.surface.rows import RowReader


def read_dataset(
    build: ModeA, root: Path, hidden: HiddenText, found: list[Diagnostic]
) -> tuple[SplitData, ...]:
    """The splits in the order of their names; ``hidden`` learns what must not be in the seed."""
    place = build.places.value("dataset")
    folder = find_path(build, place, build.dataset, "the dataset folder", root, found, folder=True)
    if folder is None:
        return ()
    files = sorted(f for f in folder.iterdir() if f.suffix == ".jsonl" and f.is_file())
    if not files:
        found.append(diagnostic("MOR310", place))
    return tuple(_read_split(build, file, hidden, found) for file in files)


def _read_split(build: ModeA, file: Path, hidden: HiddenText, found: list[Diagnostic]) -> SplitData:
    shown = shown_path(build, build.dataset, file.name)
    reader = RowReader(file=shown, input_fields=build.input_fields)
    split = build.split(file.stem)
    visible = split is not None and split.access.value == "viewable"
    ids = []
    for row in reader.read(_lines(file)):
        ids.append(row.id)
        hidden.learn_row(row, visible=visible)
    found.extend(reader.found)
    return SplitData(
        split=file.stem,
        file=file.name,
        ids=tuple(ids),
        source=os.fspath(file),
        place=span_of_file(shown),
    )


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        yield from lines
