"""The paths that a build file names, looked up."""

from __future__ import annotations

import os
from pathlib import Path

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.ir.build import Task


def find_path(
    build: Task,
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
    if not full.exists():
        found.append(diagnostic("MOR300", place, what=what, path=path, resolved=resolved))
        return None
    if folder is not None and full.is_dir() != folder:
        expected = "folder" if folder else "file"
        found.append(
            diagnostic("MOR301", place, what=what, path=path, expected=expected, resolved=resolved)
        )
        return None
    return full


def shown_path(build: Task, *parts: str) -> str:
    """A path below the build file's folder, as people see it from where they stand."""
    return os.path.normpath(os.path.join(os.path.dirname(build.places.file), *parts))
