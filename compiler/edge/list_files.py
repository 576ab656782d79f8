"""A folder of the user's -> the files to copy."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.edge.world import raise_error
from compiler.ir.project import SourceFile

_NOT_COPIED: Final = frozenset(
    ("__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache")
)


def list_files(folder: Path, place: Span, found: list[Diagnostic]) -> tuple[SourceFile, ...]:
    """Every file below ``folder`` but caches and git's, sorted; reports what cannot be copied."""
    files: list[SourceFile] = []
    root = os.path.realpath(folder)
    for at, folders, names in os.walk(folder, onerror=raise_error):
        folders[:] = sorted(f for f in folders if f not in _NOT_COPIED)
        links = [f for f in folders if os.path.islink(os.path.join(at, f))]
        for name in [*names, *links]:
            if name.endswith(".pyc") or name in _NOT_COPIED:
                continue
            full = os.path.join(at, name)
            path = os.path.relpath(full, folder).replace(os.sep, "/")
            file = _source_file(full, path, root)
            if isinstance(file, SourceFile):
                files.append(file)
            else:
                found.append(diagnostic("MOR323", place, path=path, kind=file))
    return tuple(sorted(files, key=lambda f: f.path))


def lies_in(folder: str, path: str) -> bool:
    """True when ``path`` is ``folder`` or below it; both are real paths."""
    return os.path.commonpath([folder, path]) == folder


def _source_file(full: str, path: str, root: str) -> SourceFile | str:
    mode = os.lstat(full).st_mode
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "file whose name is not UTF-8"
    if stat.S_ISLNK(mode):
        target = os.readlink(full)
        if os.path.isabs(target) or not lies_in(root, os.path.realpath(full)):
            return "link that leaves the folder"
        return SourceFile(path=path, source=full, mode=0o777, link=target)
    if not stat.S_ISREG(mode):
        return "pipe, socket or device"
    return SourceFile(path=path, source=full, mode=0o755 if mode & stat.S_IXUSR else 0o644)
