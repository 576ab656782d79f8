"""The overlays of a build -> entries of the tree."""

from __future__ import annotations

import os
from pathlib import Path

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.edge.list_files import list_files
from compiler.edge.paths import find_path
from compiler.ir.build import Overlay, Task
from compiler.ir.git_objects import EXECUTABLE, FILE, LINK, hash_object
from compiler.ir.project import SourceFile, TreeEntry

type Laid = tuple[tuple[Overlay, tuple[TreeEntry, ...]], ...]


def read_overlays(
    build: Task, root: Path, object_format: str
) -> tuple[Laid, tuple[Diagnostic, ...]]:
    """Each overlay with its files, as entries at the places where they go."""
    found: list[Diagnostic] = []
    laid = tuple(
        (overlay, _read(build, overlay, root, object_format, found))
        for overlay in build.seed.overlays
    )
    return laid, tuple(found)


def _read(
    build: Task, overlay: Overlay, root: Path, object_format: str, found: list[Diagnostic]
) -> tuple[TreeEntry, ...]:
    place = build.places.value(*overlay.path, "source")
    source = find_path(build, place, overlay.source, "the overlay", root, found, folder=None)
    if source is None:
        return ()
    if source.is_dir():
        files = list_files(source, place, found)
        return tuple(_entry(f, f"{overlay.dest}/{f.path}", object_format) for f in files)
    mode = 0o755 if os.access(source, os.X_OK) else 0o644
    file = SourceFile(path=source.name, source=os.fspath(source), mode=mode)
    return (_entry(file, overlay.dest, object_format),)


def _entry(file: SourceFile, dest: str, object_format: str) -> TreeEntry:
    if file.link is not None:
        content, mode = os.fsencode(file.link), LINK
    else:
        content = Path(file.source).read_bytes()
        mode = EXECUTABLE if file.mode == 0o755 else FILE
    return TreeEntry(
        mode=mode,
        blob=hash_object("blob", content, object_format),
        path=dest.encode("utf-8"),
        source=os.fsencode(file.source),
        overlay=True,
    )
