"""What of the hidden samples must not stand in a file that the optimiser gets.

Needles are the hidden samples' lines, every string in them of 16 characters and more, and names of
hidden tasks. A text that a viewable sample has too is no secret.

Searching is exact, and quick where there is nothing to find. A needle of 15 bytes or more covers,
in whatever place it stands, eight bytes that start at a multiple of eight; so the text's aligned
eight-byte blocks are held against the first eight windows of every needle. Of needles of 23 bytes
or more every second block is enough, and so on. Shorter needles are names, which must stand there
as whole words.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from compiler.diagnostics.span import Span
from compiler.surface.rows import Row

SHORTEST: Final = 16
_BLOCK: Final = 8
_LONG: Final = 2 * _BLOCK - 1
# Every how many blocks at most, and how many windows of needles are worth their memory for it.
_MOST_STEP: Final = 4
_MOST_WINDOWS: Final = 100_000
_WORD: Final = re.compile(rb"[0-9A-Za-z_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """A text to look for, and where it comes from; ``public`` for names that anyone may know."""

    text: bytes
    place: Span
    public: bool = False


# How far into a form a block stands, the form, and the needle that it is a form of.
type _Form = tuple[int, bytes, Needle]
type _Group = dict[tuple[int, int], dict[bytes, Needle]]


@dataclass
class HiddenText:
    """Collects needles, then finds them."""

    _hidden: dict[bytes, Needle] = field(default_factory=dict)
    _visible: set[bytes] = field(default_factory=set)
    _index: _Index | None = None

    def learn_row(self, row: Row, *, visible: bool) -> None:
        """A sample of a split; of a visible one only to know what is no secret."""
        for text in sorted({row.line.strip(), *_strings(row.data)}):
            if visible:
                self._visible.add(text)
            elif len(text.decode("utf-8", "replace")) >= SHORTEST:
                self._hidden.setdefault(text, Needle(text=text, place=row.place))

    def learn_name(self, name: str, place: Span, *, public: bool) -> None:
        """The name of a hidden task, of whatever length."""
        text = name.encode("utf-8")
        self._hidden.setdefault(text, Needle(text=text, place=place, public=public))

    def search(self, text: bytes) -> list[Needle]:
        """The needles that occur in ``text``, each once, in the order in which they were learnt."""
        if self._index is None:
            secret = [n for t, n in self._hidden.items() if t not in self._visible]
            self._index = _make_index(secret)
        return self._index.search(text)


@dataclass(frozen=True, slots=True)
class _Index:
    """``windows`` maps an eight-byte block to the forms of needles that have it near their start,
    each with how far in; ``order`` maps needles' texts to when they were learnt. Of a text every
    ``step``-th block is looked at.
    """

    windows: dict[int, list[_Form]]
    blocks: frozenset[int]
    words: dict[bytes, list[Needle]]
    order: dict[bytes, int]
    step: int
    grouped: dict[int, _Group] = field(default_factory=dict)

    def search(self, text: bytes) -> list[Needle]:
        found = set(self._long(text))
        if self.words:
            found.update(n for w in self._words(text) & self.words.keys() for n in self.words[w])
        return sorted(found, key=lambda needle: self.order[needle.text])

    def _long(self, text: bytes) -> Iterator[Needle]:
        aligned = memoryview(text)[: len(text) // _BLOCK * _BLOCK].cast("Q")[:: self.step]
        if self.blocks.isdisjoint(aligned):
            return
        for i, block in enumerate(aligned):
            if block not in self.blocks:
                continue
            for (start, length), forms in self._group(block).items():
                at = i * _BLOCK * self.step - start
                if at >= 0 and (needle := forms.get(text[at : at + length])):
                    yield needle

    def _group(self, block: int) -> _Group:
        """By place and length: one look-up for all forms that have both in common, for thousands
        of samples may begin alike."""
        if block not in self.grouped:
            group: _Group = defaultdict(dict)
            for start, form, needle in self.windows[block]:
                group[start, len(form)][form] = needle
            self.grouped[block] = group
        return self.grouped[block]

    def _words(self, text: bytes) -> set[bytes]:
        return {word.strip(b".-") for word in _WORD.findall(text)}


def _make_index(needles: Iterable[Needle]) -> _Index:
    words: dict[bytes, list[Needle]] = defaultdict(list)
    forms: list[tuple[bytes, Needle]] = []
    order: dict[bytes, int] = {}
    for i, needle in enumerate(needles):
        order[needle.text] = i
        if len(needle.text) < _LONG:
            words[needle.text.strip(b".-")].append(needle)
        else:
            forms.extend((form, needle) for form in _forms(needle.text))
    step = _choose_step([len(form) for form, _ in forms])
    windows = _make_windows(forms, step)
    return _Index(
        windows=windows, blocks=frozenset(windows), words=dict(words), order=order, step=step
    )


def _choose_step(lengths: Sequence[int]) -> int:
    """The widest step at which even the shortest form covers a block that is looked at."""
    if not lengths:
        return 1
    affordable = _MOST_WINDOWS // (_BLOCK * len(lengths))
    return max(1, min((min(lengths) - _BLOCK + 1) // _BLOCK, affordable, _MOST_STEP))


def _make_windows(forms: Iterable[tuple[bytes, Needle]], step: int) -> dict[int, list[_Form]]:
    windows: dict[int, list[_Form]] = defaultdict(list)
    for form, needle in forms:
        for start in range(_BLOCK * step):
            block = int.from_bytes(form[start : start + _BLOCK], sys.byteorder)
            windows[block].append((start, form, needle))
    return dict(windows)


def _strings(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        yield value.strip().encode("utf-8", "surrogatepass")
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _forms(text: bytes) -> tuple[bytes, ...]:
    """The text itself, and as it stands inside JSON strings."""
    plain = text.decode("utf-8", "surrogatepass")
    escaped = {
        json.dumps(plain, ensure_ascii=ascii)[1:-1].encode("utf-8", "surrogatepass")
        for ascii in (True, False)
    }
    return (text, *sorted(escaped - {text}))
