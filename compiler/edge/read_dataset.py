"""The dataset's folder -> the samples of each split."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import span_of_file
from compiler.edge.arrow_lines import ArrowProblem, stream_lines
from compiler.edge.paths import find_path, shown_path
from compiler.edge.read_saved_dataset import SavedSplit, find_saved_splits, is_saved_dataset
from compiler.ir.build import Access, ModeA
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
    if is_saved_dataset(folder):
        saved = find_saved_splits(build, folder, found)
        return tuple(_read_saved_split(build, split, hidden, found) for split in saved)
    files = sorted(f for f in folder.iterdir() if f.suffix == ".jsonl" and f.is_file())
    if not files:
        found.append(diagnostic("MOR310", place))
    return tuple(_read_split(build, file, hidden, found) for file in files)


def _read_split(build: ModeA, file: Path, hidden: HiddenText, found: list[Diagnostic]) -> SplitData:
    shown = shown_path(build, build.dataset, file.name)
    ids, whole = _read_ids(build, file.stem, shown, _lines(file), hidden, found)
    return SplitData(
        split=file.stem,
        file=file.name,
        ids=ids,
        source=os.fspath(file),
        place=span_of_file(shown),
        whole=whole,
    )


def _read_saved_split(
    build: ModeA, split: SavedSplit, hidden: HiddenText, found: list[Diagnostic]
) -> SplitData:
    place = span_of_file(split.shown)
    ids: tuple[str, ...] = ()
    whole = False
    try:
        # A row's number stands for its line: it is the line of the file that will be written.
        if split.tables is not None:
            lines = stream_lines(split.tables)
            ids, whole = _read_ids(build, split.name, split.shown, lines, hidden, found)
    except ArrowProblem as problem:
        found.append(diagnostic("MOR318", place, path=split.shown, problem=str(problem)))
    return SplitData(
        split=split.name,
        file=f"{split.name}.jsonl",
        ids=ids,
        source=None,
        tables=split.tables or (),
        place=place,
        whole=whole,
    )


def _read_ids(
    build: ModeA,
    name: str,
    shown: str,
    lines: Iterable[bytes],
    hidden: HiddenText,
    found: list[Diagnostic],
) -> tuple[tuple[str, ...], bool]:
    """The samples' ids, and whether they are all there are; ``hidden`` learns the samples."""
    reader = RowReader(file=shown, input_fields=build.input_fields)
    split = build.split(name)
    visible = split is not None and split.access is Access.VIEWABLE
    ids = []
    for row in reader.read(lines):
        ids.append(row.id)
        hidden.learn_row(row, visible=visible)
    found.extend(reader.found)
    return tuple(ids), not reader.found


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        yield from lines
