"""Baseline -> baseline.tree: the list that a reviewer reads in place of the tar."""

from __future__ import annotations

import re
from typing import Final

from compiler.ir.project import Baseline

_PLAIN: Final = re.compile(rb"[ !#-\[\]-~]*")
_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def render_baseline_tree(baseline: Baseline) -> str:
    """A line a file, ``mode blob TAB path``, in git's order, after the ids of commit and tree."""
    head = f"# commit {baseline.commit}\n# tree {baseline.tree}\n"
    return head + "".join(f"{e.mode} {e.blob}\t{quote_path(e.path)}\n" for e in baseline.entries)


def quote_path(path: bytes) -> str:
    """A path as git prints it (git-ls-files, core.quotePath): in double quotes with C escapes
    where it has a quote, a backslash, a control character or a byte beyond ASCII."""
    if _PLAIN.fullmatch(path):
        return path.decode("ascii")
    return '"' + "".join(_quoted(byte) for byte in path) + '"'


def _quoted(byte: int) -> str:
    if byte in _ESCAPES:
        return "\\" + _ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
