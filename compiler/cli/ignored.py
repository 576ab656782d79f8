"""Warning of emitted files that a commit would leave out."""

from __future__ import annotations

import os
from pathlib import Path

from compiler import contracts
from compiler.cli.compilation import Input, show_diagnostics
from compiler.diagnostics.diagnostic import diagnostic
from compiler.diagnostics.span import span_of_file
from compiler.edge import git
from compiler.output.file_set import FileSet


def warn_ignored(given: Input, files: FileSet, destination: Path) -> None:
    """Print MOR332 where git would ignore files of the output: they are meant to be checked in."""
    top = git.find_top(_nearest_folder(destination))
    if top is None:
        return
    place = os.path.realpath(destination)
    wanted = [os.path.join(place, path) for path in (*files, contracts.MANIFEST_NAME)]
    hidden = git.list_ignored(top, wanted)
    # An output that is ignored as a whole is not meant to be checked in.
    if hidden and len(hidden) < len(wanted):
        shown = os.path.relpath(hidden[0], place)
        where = span_of_file(given.shown)
        found = diagnostic("MOR332", where, count=len(hidden), path=shown)
        show_diagnostics([found], {given.shown: ""}, given)


def _nearest_folder(path: Path) -> Path:
    full = Path(os.path.realpath(path))
    while not full.is_dir():
        full = full.parent
    return full
