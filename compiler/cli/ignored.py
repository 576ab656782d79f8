"""Finding emitted files that a commit would leave out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from compiler import contracts
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import span_of_file
from compiler.edge import git
from compiler.output.file_set import FileSet


def find_ignored(build_file: str, files: FileSet, destination: Path) -> Iterator[Diagnostic]:
    """MOR332 where git would ignore files of the output: they are meant to be checked in."""
    top = git.find_top(_nearest_folder(destination))
    if top is None:
        return
    place = os.path.realpath(destination)
    wanted = [os.path.join(place, path) for path in (*files, contracts.MANIFEST_NAME)]
    hidden = git.list_ignored(top, wanted)
    # An output that is ignored as a whole is not meant to be checked in.
    if hidden and len(hidden) < len(wanted):
        shown = os.path.relpath(hidden[0], place)
        yield diagnostic("MOR332", span_of_file(build_file), count=len(hidden), path=shown)


def _nearest_folder(path: Path) -> Path:
    full = Path(os.path.realpath(path))
    while not full.is_dir():
        full = full.parent
    return full
