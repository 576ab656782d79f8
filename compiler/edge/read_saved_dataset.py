"""A Hugging Face DatasetDict, as its ``save_to_disk`` leaves it -> the Arrow files of each split.

The folder has dataset_dict.json, which names the splits; a split's folder has state.json, which
names its Arrow files in order.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import span_of_file
from compiler.edge.arrow_lines import ArrowProblem, has_pyarrow, list_unfit_columns
from compiler.edge.paths import shown_path
from compiler.ir.build import ModeA
from compiler.surface.names import is_split_name

DICT_FILE: Final = "dataset_dict.json"
_STATE_FILE: Final = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSplit:
    """A split, its folder as people see it, and its Arrow files on this machine in order.

    ``tables`` None: they are of no use, and that has been said.
    """

    name: str
    shown: str
    tables: tuple[str, ...] | None


class _Unreadable(ValueError):
    """``str`` says why, as part of a sentence."""


def is_saved_dataset(folder: Path) -> bool:
    """True for the folder of a DatasetDict."""
    return (folder / DICT_FILE).is_file()


def find_saved_splits(
    build: ModeA, folder: Path, found: list[Diagnostic]
) -> tuple[SavedSplit, ...]:
    """The splits in the order of their names; reports what cannot be read or written as JSON."""
    if not has_pyarrow():
        place = build.places.value("dataset")
        found.append(diagnostic("MOR319", place, path=build.dataset))
        return ()
    file = shown_path(build, build.dataset, DICT_FILE)
    try:
        names = _read_names(folder / DICT_FILE)
    except _Unreadable as problem:
        _complain(found, file, problem)
        return ()
    strange = [name for name in names if not is_split_name(name)]
    found.extend(diagnostic("MOR316", span_of_file(file), name=name) for name in strange)
    return tuple(_find_split(build, folder, n, found) for n in names if n not in strange)


def _find_split(build: ModeA, folder: Path, name: str, found: list[Diagnostic]) -> SavedSplit:
    shown = shown_path(build, build.dataset, name)
    return SavedSplit(name=name, shown=shown, tables=_find_tables(folder / name, shown, found))


def _find_tables(folder: Path, shown: str, found: list[Diagnostic]) -> tuple[str, ...] | None:
    try:
        tables = _read_tables(folder)
    except _Unreadable as problem:
        _complain(found, f"{shown}/{_STATE_FILE}", problem)
        return None
    try:
        unfit = list_unfit_columns(tables)
    except ArrowProblem as problem:
        _complain(found, shown, problem)
        return None
    place = span_of_file(shown)
    found.extend(diagnostic("MOR325", place, column=column, type=kind) for column, kind in unfit)
    return None if unfit else tables


def _complain(found: list[Diagnostic], shown: str, problem: ValueError) -> None:
    found.append(diagnostic("MOR318", span_of_file(shown), path=shown, problem=str(problem)))


def _read_names(file: Path) -> list[str]:
    names = _read_json(file).get("splits")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _Unreadable("it has no list `splits` of names")
    return sorted(set(names))


def _read_tables(folder: Path) -> tuple[str, ...]:
    state = _read_json(folder / _STATE_FILE)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise _Unreadable("it selects rows by an index; call `flatten_indices()` and save it again")
    files = state.get("_data_files")
    if not isinstance(files, list):
        raise _Unreadable("it has no list `_data_files`")
    names = [file.get("filename") if isinstance(file, dict) else None for file in files]
    # Each a name in this very folder: nothing of the machine is read through another's dataset.
    if any(not isinstance(name, str) or name != os.path.basename(name) for name in names):
        raise _Unreadable("`_data_files` holds what is not the name of a file beside it")
    return tuple(os.fspath(folder / str(name)) for name in names)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _Unreadable((error.strerror or "it cannot be read").lower()) from error
    except (ValueError, RecursionError) as error:
        raise _Unreadable(f"it is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise _Unreadable("it is not a JSON object")
    return data
