"""A file set -> files that were not there before, in a folder that may hold others."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from compiler.edge.contents import stream_content
from compiler.edge.world import Refused, WorldError
from compiler.output.file_set import File, FileSet, folders_of

_MOST_NAMED: Final = 10


def write_new_files(files: FileSet, folder: Path) -> None:
    """Write every file below ``folder``, which is made where it is missing, or none of them.

    Raises Refused, naming them, when any of the files is there already or a folder's place is
    taken by something else, and WorldError when the disk fails. Then, as after a signal that Python
    sees, nothing that was made stays. The files have no links among them.
    """
    in_the_way = _find_in_the_way(files, folder)
    if in_the_way:
        raise Refused(_refusal(in_the_way, folder))
    made: list[Callable[[], None]] = []
    try:
        _make_folders(files, folder, made)
        for path, file in files.items():
            _write(file, folder / path, made)
    except BaseException as error:
        for undo in reversed(made):
            with suppress(OSError):
                undo()
        if isinstance(error, FileExistsError):
            raise Refused(_refusal([str(error.filename)], folder)) from error
        if isinstance(error, OSError):
            place = error.filename or folder
            raise WorldError(f"cannot write {place}: {error.strerror or error}") from error
        raise


def _find_in_the_way(files: FileSet, folder: Path) -> list[str]:
    if os.path.lexists(folder) and not os.path.isdir(folder):
        return [os.fspath(folder)]
    taken = {path for path in files if os.path.lexists(folder / path)}
    for path in folders_of(iter(files)):
        place = folder / path
        # Writing through a link could end anywhere.
        if os.path.lexists(place) and (os.path.islink(place) or not os.path.isdir(place)):
            taken.add(path)
    return [os.fspath(folder / path) for path in sorted(taken)]


def _refusal(in_the_way: list[str], folder: Path) -> str:
    named = ", ".join(in_the_way[:_MOST_NAMED])
    rest = len(in_the_way) - _MOST_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return f"{named}{more} already there, and nothing is overwritten; name another folder"


def _make_folders(files: FileSet, folder: Path, made: list[Callable[[], None]]) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not os.path.isdir(parent)]
    wanted = [*reversed(missing), *(folder / path for path in folders_of(iter(files)))]
    for place in wanted:
        if not os.path.isdir(place):
            place.mkdir()
            made.append(place.rmdir)


def _write(file: File, place: Path, made: list[Callable[[], None]]) -> None:
    # Fails where somebody else was faster: what is there is not ours to overwrite.
    with place.open("xb") as out:
        made.append(place.unlink)
        for piece in stream_content(file.content):
            out.write(piece)
    # The user's own umask decides who may read; a script can be run by whoever can read it.
    if file.mode & 0o100:
        mode = place.stat().st_mode
        place.chmod(mode | (mode & 0o444) >> 2)
