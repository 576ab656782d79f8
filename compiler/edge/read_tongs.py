"""Definitions of tongs on the disk."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span, span_of_file
from compiler.ir.build import Build
from compiler.source.read_yaml import MOST_BYTES, read_yaml
from compiler.surface.build_file import TongDocument, TongPath

SUFFIX: Final = ".yaml"
_OTHER_SUFFIX: Final = ".yml"
_PATTERN_CHARACTERS: Final = frozenset("*?[")

type Found = list[Diagnostic]


def read_tongs(
    build: Build, root: Path
) -> tuple[tuple[TongDocument, ...], tuple[Path, ...], tuple[Diagnostic, ...]]:
    """The definitions that a build names, in its order, their files, and what is wrong with them.

    ``root`` is the build file's folder.
    """
    found: Found = []
    documents: list[TongDocument] = []
    files: list[Path] = []
    shown_root = os.path.dirname(build.places.file)
    for source in build.sidecars.sources:
        if isinstance(source, TongDocument):
            documents.append(source)
            continue
        place = build.places.value("tongs", source.index)
        for path in _matching(source, root, place, found):
            files.append(root / path)
            documents.extend(read_definition(root / path, os.path.join(shown_root, path), found))
    return tuple(documents), tuple(files), tuple(found)


def read_folder(folder: Path) -> tuple[tuple[TongDocument, ...], tuple[Diagnostic, ...]]:
    """The definitions in a layer's folder, by name; a folder that is not there has none."""
    found: Found = []
    documents: list[TongDocument] = []
    for path in list_folder(folder, found):
        documents.extend(read_definition(path, os.fspath(path), found))
    return tuple(documents), tuple(found)


def list_folder(folder: Path, found: Found) -> list[Path]:
    """The files of definitions in it, sorted."""
    place = span_of_file(os.fspath(folder))
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        found.append(_unreadable(place, os.fspath(folder), error))
        return []
    for path in entries:
        if path.suffix == _OTHER_SUFFIX:
            found.append(_misnamed(span_of_file(os.fspath(path)), os.fspath(path)))
    return [path for path in entries if path.suffix == SUFFIX]


def read_definition(path: Path, shown: str, found: Found) -> Iterator[TongDocument]:
    """The definition in a file, unless it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        found.append(_unreadable(span_of_file(shown), shown, error))
        return
    document, problems = read_yaml(data, shown)
    found.extend(problems)
    if document is not None:
        yield TongDocument(name=path.name.removesuffix(SUFFIX), document=document)


def _matching(source: TongPath, root: Path, place: Span, found: Found) -> list[str]:
    """Paths relative to ``root``; a folder stands for the definitions in it."""
    written = source.path
    if _PATTERN_CHARACTERS.intersection(written):
        paths = sorted(glob.glob(written, root_dir=root, recursive=True))
        paths = [path for path in paths if (root / path).is_file()]
        if not paths:
            hint = "paths are relative to the build file"
            problem = "matches no file"
            found.append(diagnostic("MOR500", place, path=written, problem=problem, hint=hint))
    elif (root / written).is_dir():
        paths = [os.path.join(written, p.name) for p in list_folder(root / written, found)]
        if not paths:
            hint = f"a definition's name ends in {SUFFIX}"
            problem = "holds no definition of a tong"
            found.append(diagnostic("MOR500", place, path=written, problem=problem, hint=hint))
    else:
        paths = [written]
        if not (root / written).exists():
            hint = "paths are relative to the build file"
            problem = "does not exist"
            found.append(diagnostic("MOR500", place, path=written, problem=problem, hint=hint))
            return []
    return [path for path in paths if _is_named(path, place, found)]


def _is_named(path: str, place: Span, found: Found) -> bool:
    if path.endswith(SUFFIX):
        return True
    found.append(_misnamed(place, path))
    return False


def _misnamed(place: Span, path: str) -> Diagnostic:
    problem = "is not named as a definition of a tong"
    return diagnostic("MOR500", place, path=path, problem=problem, hint=f"call it NAME{SUFFIX}")


def _unreadable(place: Span, path: str, error: OSError) -> Diagnostic:
    problem = f"cannot be read: {(error.strerror or 'it is not readable').lower()}"
    hint = "a definition is a file that may be read"
    return diagnostic("MOR500", place, path=path, problem=problem, hint=hint)
