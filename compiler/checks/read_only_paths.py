"""Read-only paths are paths of the baseline."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.checks.few import first_few
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.project import Inputs


def check_read_only_paths(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR334 for a path that the baseline has neither as a file nor as a folder: the first few."""
    return first_few(_check(inputs))


def _check(inputs: Inputs) -> Iterator[Diagnostic]:
    build = inputs.build
    if inputs.baseline is None or not build.seed.read_only:
        return
    files = [entry.path.decode("utf-8", "replace") for entry in inputs.baseline.entries]
    known = {name for path in files for name in _with_folders(path)}
    for i, path in enumerate(build.seed.read_only):
        if path not in known:
            near = suggest_name(path, sorted(known)[:10000])
            hint = f"did you mean `{near}`?" if near else "paths are relative to `agent_repo`"
            yield diagnostic(
                "MOR334", build.places.value("read_only_paths", i), path=path, hint=hint
            )


def _with_folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    for i in range(1, len(parts) + 1):
        yield "/".join(parts[:i])
