"""Long runs of a list's items, which a parser need not see one by one.

ruamel.yaml takes more than a tenth of a millisecond for an item, and a partition may have a
hundred thousand of them: lines ``- name`` of one indentation, nothing else in them. Such a line
leaves a parser in the state in which it found it. So all of a run but its first and last line is
cut out, the rest is composed, and where those two prove to be neighbours in a block list, each
being just what its line says, the others are put between them. Where they do not (they stand in a
literal block, the last goes on in the next line), the whole text has to be composed after all.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

# Below these sizes there is nothing to gain.
SHORTEST_TEXT: Final = 64 * 1024
SHORTEST_RUN: Final = 100

# Scalars of ASCII on one line whose text is their value: plain ones that no indicator starts or
# ends, and quoted ones without an escape.
_SCALAR: Final = r"""(?:[A-Za-z0-9_][A-Za-z0-9_./@+=-]*|'[ !"#-&(-~]*'|"[ !#-\[\]-~]*")"""
_QUOTES: Final = ("'", '"')
_ITEM: Final = re.compile(rf"^ *- ({_SCALAR})$", re.MULTILINE)
_RUN: Final = re.compile(rf"^( *)- {_SCALAR}\n(?:\1- {_SCALAR}\n)+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Item:
    """A scalar that no parser saw; ``start`` and ``end`` are offsets into the whole text."""

    written: str
    start: int
    end: int

    @property
    def quoted(self) -> bool:
        return self.written[0] in _QUOTES

    @property
    def value(self) -> str:
        return self.written[1:-1] if self.quoted else self.written


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The offsets of a run's first and last scalar in the whole text, and of what lies between
    their lines."""

    first: tuple[int, int]
    cut: tuple[int, int]
    last: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """Offsets into a shortened text -> offsets into the whole one."""

    at: tuple[int, ...] = ()
    removed: tuple[int, ...] = (0,)

    def original(self, offset: int) -> int:
        return offset + self.removed[bisect_right(self.at, offset)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortened:
    """A text without the insides of its long runs."""

    whole: str
    runs: tuple[_Run, ...]

    def text(self) -> str:
        """What is left to be composed."""
        starts = (0, *(run.cut[1] for run in self.runs))
        ends = (*(run.cut[0] for run in self.runs), len(self.whole))
        return "".join(self.whole[a:b] for a, b in zip(starts, ends, strict=True))

    def offsets(self) -> Offsets:
        """The way back from what is left to the whole text."""
        removed = (0, *accumulate(end - start for start, end in (run.cut for run in self.runs)))
        at = (run.cut[0] - gone for run, gone in zip(self.runs, removed, strict=False))
        return Offsets(at=tuple(at), removed=removed)

    def fill(self, root: Any) -> bool:
        """Put the items where they belong in the composed nodes; False where that is nowhere: then
        the nodes say nothing of the whole text."""
        offsets = self.offsets()
        firsts = {run.first[0]: run for run in self.runs}
        fills = []
        for sequence in _block_sequences(root):
            for i, (node, after) in enumerate(pairwise(sequence.value)):
                run = firsts.get(offsets.original(node.start_mark.index))
                if run is not None and all(
                    self._is_just(found, place, offsets)
                    for found, place in ((node, run.first), (after, run.last))
                ):
                    fills.append((sequence.value, i + 1, run))
        if {id(run) for _, _, run in fills} != {id(run) for run in self.runs}:
            return False
        for value, at, run in reversed(fills):
            value[at:at] = self._items(run)
        return True

    def _is_just(self, node: Any, place: tuple[int, int], offsets: Offsets) -> bool:
        """True when the node is a scalar that starts, ends and reads as the text there."""
        start, end = (offsets.original(m.index) for m in (node.start_mark, node.end_mark))
        written = self.whole[slice(*place)]
        style = written[0] if written[0] in _QUOTES else None
        return bool(
            (start, end) == place
            and (node.id, node.anchor, node.style or None) == ("scalar", None, style)
            and node.value == Item(written, *place).value
        )

    def _items(self, run: _Run) -> list[Item]:
        found = _ITEM.finditer(self.whole, *run.cut)
        return [Item(match[1], *match.span(1)) for match in found]


def shorten(text: str) -> Shortened | None:
    """The text without its long runs; None where it has none."""
    # Where a carriage return ends a line, lines are not what the patterns take for them.
    if len(text) < SHORTEST_TEXT or "\r" in text:
        return None
    found = (_as_run(text, *match.span()) for match in _RUN.finditer(text))
    runs = tuple(run for run in found if text.count("\n", *run.cut) >= SHORTEST_RUN)
    return Shortened(whole=text, runs=runs) if runs else None


def _as_run(text: str, start: int, end: int) -> _Run:
    first_end = text.index("\n", start) + 1
    last_start = text.rindex("\n", start, end - 1) + 1
    first, last = _ITEM.match(text, start), _ITEM.match(text, last_start)
    assert first is not None and last is not None
    return _Run(first=first.span(1), cut=(first_end, last_start), last=last.span(1))


def _block_sequences(root: Any) -> Iterator[Any]:
    """Each once, however many aliases lead to it, in no order."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or node.id == "scalar":
            continue
        seen.add(id(node))
        if node.id == "mapping":
            waiting.extend(part for pair in node.value for part in pair)
            continue
        waiting.extend(node.value)
        if not node.flow_style:
            yield node
