"""Names of the baseline that some file systems take for one."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.project import Inputs


def check_name_case(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR324 for paths, or folders of paths, that differ in case alone."""
    first: dict[str, str] = {}
    told: set[str] = set()
    known: set[str] = set()
    for entry in inputs.baseline.entries if inputs.baseline else ():
        path = entry.path.decode("utf-8", "replace")
        for name in _with_folders(path):
            if name in known:
                continue
            known.add(name)
            folded = name.casefold()
            other = first.setdefault(folded, name)
            if other != name and folded not in told:
                told.add(folded)
                place = inputs.build.places.value("agent_repo")
                yield diagnostic("MOR324", place, path=name, other=other)


def _with_folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    for i in range(1, len(parts) + 1):
        yield "/".join(parts[:i])
