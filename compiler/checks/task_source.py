"""Mode B's tasks come from one place, and a registry's are pinned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import ModeB, Task

_PINNED: Final = re.compile(r"[^@\s]+@(sha256:[0-9a-f]{64}|[A-Za-z0-9][A-Za-z0-9._+-]*)")
# Versions that name whatever is newest.
_MOVING: Final = frozenset(("latest", "main", "master", "head", "dev"))


def check_task_source(build: Task) -> Iterator[Diagnostic]:
    """MOR225 for none or two sources, MOR223 for one that may change, MOR228 for a split twice."""
    if not isinstance(build, ModeB):
        return
    source = build.harbor.task_source
    if (source is None) == (build.inner_task is None):
        both = "remove one of them"
        none = "name a folder of tasks with `inner_task`, or a registry's with `harbor.task_source`"
        place = build.places.key("inner_task" if source else "harbor")
        yield diagnostic("MOR225", place, hint=both if source else none)
    if source is not None:
        match = _PINNED.fullmatch(source)
        if match is None or match[1].lower() in _MOVING:
            place = build.places.value("harbor", "task_source")
            yield diagnostic("MOR223", place, source=source)
    written = {split for split, _ in build.partition}
    for split, _ in build.partition_files:
        if split in written:
            yield diagnostic("MOR228", build.places.key("partition_files", split), split=split)
