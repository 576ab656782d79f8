"""Entries of the agent's tree and of overlays -> the entries of the baseline."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Overlay, Task
from compiler.ir.project import TreeEntry

type Entries = tuple[TreeEntry, ...]


def lay_over(
    build: Task, entries: Entries, overlays: Iterable[tuple[Overlay, Entries]]
) -> tuple[Entries, tuple[Diagnostic, ...]]:
    """The later overlay wins over the earlier, and each over the agent's own files.

    MOR333 where a file would stand where the tree has a folder, or the other way round.
    """
    by_path = {entry.path: entry for entry in entries}
    found = []
    for overlay, laid in overlays:
        clash = _clash(by_path, laid)
        if clash is not None:
            place = build.places.value(*overlay.path, "dest")
            shown = clash.decode(errors="replace")
            found.append(diagnostic("MOR333", place, path=shown))
            continue
        by_path.update((entry.path, entry) for entry in laid)
    # Git's order of a flat listing is the order of the raw paths.
    return tuple(by_path[path] for path in sorted(by_path)), tuple(found)


def _clash(by_path: dict[bytes, TreeEntry], laid: Entries) -> bytes | None:
    folders = {parent for path in by_path for parent in _parents(path)}
    for entry in laid:
        if entry.path in folders:
            return entry.path
        for parent in _parents(entry.path):
            if parent in by_path:
                return parent
    return None


def _parents(path: bytes) -> Iterable[bytes]:
    while b"/" in path:
        path = path.rsplit(b"/", 1)[0]
        yield path
