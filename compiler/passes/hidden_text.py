"""What of the hidden samples must not stand in a file that the optimiser gets.

Needles are the hidden samples' lines, every string in them of 16 characters and more, and names of
hidden tasks. A text that a viewable sample has too is no secret.

Searching is exact, and quick where there is nothing to find. A needle of 15 bytes or more covers,
in whatever place it stands, eight bytes that start at a multiple of eight; so the text's aligned
eight-byte blocks are held against the first eight windows of every needle. Shorter needles are
names, which must stand there as whole words.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from compiler.diagnostics.span import Span
from compiler.surface.rows import Row

SHORTEST: Final = 16
_BLOCK: Final = 8
_LONG: Final = 2 * _BLOCK - 1
_WORD: Final = re.compile(rb"[0-9A-Za-z_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """A text to look for, and where it comes from; ``public`` for names that anyone may know."""

    text: bytes
    place: Span
    public: bool = False


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
    """``windows`` maps an eight-byte block to the forms of needles that it may be the start of."""

    windows: dict[int, list[tuple[bytes, Needle]]]
    blocks: frozenset[int]
    words: dict[bytes, Needle]

    def search(self, text: bytes) -> list[Needle]:
        found = dict.fromkeys(self._long(text))
        if self.words:
            found |= dict.fromkeys(self.words[w] for w in self._words(text) & self.words.keys())
        return list(found)

    def _long(self, text: bytes) -> Iterator[Needle]:
        aligned = memoryview(text)[: len(text) // _BLOCK * _BLOCK].cast("Q")
        if self.blocks.isdisjoint(aligned):
            return
        near = {form: n for block in set(aligned) & self.blocks for form, n in self.windows[block]}
        yield from (needle for form, needle in near.items() if form in text)

    def _words(self, text: bytes) -> set[bytes]:
        return {word.strip(b".-") for word in _WORD.findall(text)}


def _make_index(needles: Iterable[Needle]) -> _Index:
    windows: dict[int, list[tuple[bytes, Needle]]] = defaultdict(list)
    words: dict[bytes, Needle] = {}
    for needle in needles:
        if len(needle.text) < _LONG:
            words[needle.text.strip(b".-")] = needle
            continue
        for form in _forms(needle.text):
            for start in range(_BLOCK):
                block = int.from_bytes(form[start : start + _BLOCK], sys.byteorder)
                windows[block].append((form, needle))
    return _Index(windows=dict(windows), blocks=frozenset(windows), words=words)


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
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError:
        return (text,)
    escaped = {json.dumps(plain, ensure_ascii=ascii)[1:-1].encode() for ascii in (True, False)}
    return (text, *sorted(escaped - {text}))
