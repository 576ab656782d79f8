"""What differs between what would be written and what lies there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from compiler.output.file_set import Digest

_LINE: Final[re.Pattern[str]] = re.compile(r"[^\n]*\n|[^\n]+")


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
    from difflib import unified_diff

    before, after = _text(found), _text(wanted)
    if before is None or after is None:
        return f"Binary files a/{path} and b/{path} differ\n"
    lines = unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _text(content: bytes) -> str | None:
    """The content as text; None for what a terminal should not be given."""
    try:
        return None if b"\0" in content else content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _lines(text: str) -> list[str]:
    """Lines with their ends. Only a line feed ends one, as for git and patch."""
    return _LINE.findall(text)
