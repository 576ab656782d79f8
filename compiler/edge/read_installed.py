"""The files of gateways -> the files to copy into their image."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.edge.list_files import lies_in, list_files
from compiler.edge.paths import find_path
from compiler.ir.build import Build
from compiler.ir.gateways import Installed
from compiler.ir.project import InstalledFiles, SourceFile


def read_installed(
    build: Build, root: Path, private: Iterable[tuple[str, str, str]], found: list[Diagnostic]
) -> tuple[InstalledFiles, ...]:
    """Each entry of ``gateways.files`` with its files.

    ``private`` has what must be in none of them: what it is, its key, its path as written.
    """
    if build.gateways is None:
        return ()
    hidden = [(what, os.path.realpath(root / path)) for what, _, path in private]
    return tuple(_read(build, entry, root, hidden, found) for entry in build.gateways.files)


def _read(
    build: Build,
    entry: Installed,
    root: Path,
    hidden: list[tuple[str, str]],
    found: list[Diagnostic],
) -> InstalledFiles:
    place = build.places.value(*entry.path, "source")
    what = "the source"
    source = find_path(build, place, entry.source, what, root, found, folder=None)
    if source is None:
        return InstalledFiles(entry=entry, files=(), folder=False)
    files = list_files(source, place, found) if source.is_dir() else (_single(source),)
    if not files:
        found.append(diagnostic("MOR608", place, source=entry.source))
    real = [os.path.realpath(file.source) for file in files]
    for what, path in hidden:
        if any(lies_in(path, file) for file in real):
            found.append(diagnostic("MOR607", place, what=what, source=entry.source))
    return InstalledFiles(entry=entry, files=files, folder=source.is_dir())


def _single(source: Path) -> SourceFile:
    mode = 0o755 if os.access(source, os.X_OK) else 0o644
    return SourceFile(path=source.name, source=os.fspath(source), mode=mode)
