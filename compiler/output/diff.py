"""What differs between what would be written and what lies there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from compiler.output.file_set import Digest


class Drift(StrEnum):
    """How a file differs."""

    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"
    MODE = "mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A file that differs. ``detail`` is for people: the two modes."""

    path: str
    drift: Drift
    detail: str = ""


def diff_digests(
    wanted: Mapping[str, Digest], found: Mapping[str, Digest]
) -> tuple[Difference, ...]:
    """Every difference, in the order of the paths."""
    differences = []
    for path in sorted({*wanted, *found}):
        if path not in found:
            differences.append(Difference(path=path, drift=Drift.MISSING))
        elif path not in wanted:
            differences.append(Difference(path=path, drift=Drift.EXTRA))
        else:
            differences.extend(_diff_file(path, wanted[path], found[path]))
    return tuple(differences)


def _diff_file(path: str, wanted: Digest, found: Digest) -> list[Difference]:
    differences = []
    if wanted.sha256 != found.sha256:
        differences.append(Difference(path=path, drift=Drift.CHANGED))
    if wanted.mode != found.mode:
        detail = f"{found.mode:o}, should be {wanted.mode:o}"
        differences.append(Difference(path=path, drift=Drift.MODE, detail=detail))
    return differences


def render_unified(path: str, found: bytes, wanted: bytes) -> str:
    """A unified diff from what lies there to what is wanted; a sentence for what is not text."""
    try:
        before, after = found.decode("utf-8"), wanted.decode("utf-8")
    except UnicodeDecodeError:
        return f"Binary files a/{path} and b/{path} differ\n"
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
