"""What stands in the baseline's files that should not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.edge.archive import ArchiveWriter, Tars
from compiler.ir.build import Task
from compiler.ir.git_objects import LINK
from compiler.ir.project import Baseline, TreeEntry
from compiler.passes.hidden_text import HiddenText, Needle

# Past this many the rest would only bury the first.
_MOST_LEAKS: Final = 20
_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"


def scan_seed(
    build: Task, baseline: Baseline, hidden: HiddenText, tars: Tars
) -> tuple[Baseline, tuple[Diagnostic, ...]]:
    """The baseline with its tar; MOR308: LFS pointers, MOR309: links that leave, MOR403, MOR404:
    hidden text."""
    writer = ArchiveWriter(baseline=baseline, spool=tars.spool, former=tars.former)
    place = build.places.value("agent_repo")
    found: list[Diagnostic] = []
    leaks = 0
    for entry, content in writer.read():
        path = entry.path.decode(errors="replace")
        if entry.mode == LINK and _leaves(entry.path, content):
            target = content.decode(errors="replace")
            found.append(diagnostic("MOR309", place, path=path, target=target))
        if entry.mode != LINK and content.startswith(_LFS_POINTER):
            found.append(diagnostic("MOR308", place, path=path))
        if leaks < _MOST_LEAKS:
            told = list(_leaks(entry, content, hidden))
            leaks += len(told)
            found.extend(told)
    return replace(baseline, archive=writer.archive()), tuple(found)


def _leaks(entry: TreeEntry, content: bytes, hidden: HiddenText) -> Iterator[Diagnostic]:
    path = entry.path.decode(errors="replace")
    named = hidden.search(entry.path)
    yield from (_leak(needle, path) for needle in named)
    for needle in hidden.search(content):
        if needle not in named:
            line = content[: max(content.find(needle.text), 0)].count(b"\n") + 1
            yield _leak(needle, f"{path}:{line}")


def _leak(needle: Needle, path: str) -> Diagnostic:
    if needle.public:
        name = needle.text.decode(errors="replace")
        return diagnostic("MOR404", needle.place, name=name, path=path)
    return diagnostic("MOR403", needle.place, path=path)


def _leaves(path: bytes, target: bytes) -> bool:
    """True when a link at ``path`` leads out of the tree, lexically."""
    if target.startswith(b"/"):
        return True
    depth = path.count(b"/")
    for part in target.split(b"/"):
        if part == b"..":
            depth -= 1
        elif part not in (b"", b"."):
            depth += 1
        if depth < 0:
            return True
    return False
