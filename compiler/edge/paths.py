"""The paths that a build file names, looked up."""

from __future__ import annotations

import os
from pathlib import Path

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.ir.build import Bare, Task


def find_path(
    build: Task | Bare,
    place: Span,
    path: str,
    what: str,
    root: Path,
    found: list[Diagnostic],
    *,
    folder: bool | None,
) -> Path | None:
    """The file or folder (``folder`` None: either); None, and a complaint, where there is none."""
    full = root / path
    resolved = shown_path(build, path)
    if not os.path.exists(full):
        found.append(diagnostic("MOR300", place, what=what, path=path, resolved=resolved))
        return None
    if not _is(full, folder):
        expected = {True: "folder", False: "file", None: "file or folder"}[folder]
        found.append(
            diagnostic("MOR301", place, what=what, path=path, expected=expected, resolved=resolved)
        )
        return None
    return full


def _is(path: Path, folder: bool | None) -> bool:
    """Whether it is what is wanted; devices and pipes are neither file nor folder."""
    return (folder is not False and path.is_dir()) or (folder is not True and path.is_file())


def shown_path(build: Task | Bare, *parts: str) -> str:
    """A path below the build file's folder, as people see it from where they stand."""
    return os.path.normpath(os.path.join(os.path.dirname(build.places.file), *parts))
