"""What of the hidden samples must not stand in a file that the optimiser gets.

Needles are the hidden samples' lines, every string in them of 16 characters and more, and names of
hidden tasks. A string that a viewable sample has too is no secret. Searching is exact and fast by
anchors: an inner word of a needle must stand in the text as a whole word, so the set of the text's
words decides which needles are worth a search.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from compiler.diagnostics.span import Span
from compiler.surface.rows import Row

SHORTEST: Final = 16
_WORD: Final = re.compile(rb"[0-9A-Za-z_\x80-\xff]{4,}")


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
    _by_anchor: dict[bytes, list[Needle]] | None = None
    _unanchored: list[Needle] = field(default_factory=list)

    def learn_row(self, row: Row, *, visible: bool) -> None:
        """A sample of a split; of a visible one only to know what is no secret."""
        for text in {row.line.strip(), *_strings(row.data)}:
            if visible:
                self._visible.add(text)
            elif len(text.decode("utf-8", "replace")) >= SHORTEST:
                self._hidden.setdefault(text, Needle(text=text, place=row.place))

    def learn_name(self, name: str, place: Span, *, public: bool) -> None:
        """The name of a hidden task, of whatever length."""
        text = name.encode("utf-8")
        self._hidden.setdefault(text, Needle(text=text, place=place, public=public))

    def search(self, text: bytes) -> Iterator[Needle]:
        """The needles that occur in ``text``, each once."""
        by_anchor = self._index()
        if not by_anchor and not self._unanchored:
            return
        words = set(_WORD.findall(text))
        near = [n for word in words & by_anchor.keys() for n in by_anchor[word]]
        seen: set[bytes] = set()
        for needle in [*near, *self._unanchored]:
            if needle.text not in seen and any(form in text for form in _forms(needle.text)):
                seen.add(needle.text)
                yield needle

    def _index(self) -> dict[bytes, list[Needle]]:
        if self._by_anchor is None:
            self._by_anchor = defaultdict(list)
            for text, needle in self._hidden.items():
                if text in self._visible:
                    continue
                anchor = _anchor(text)
                if anchor is None:
                    self._unanchored.append(needle)
                else:
                    self._by_anchor[anchor].append(needle)
        return self._by_anchor


def _strings(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        yield value.strip().encode("utf-8", "surrogatepass")
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _anchor(text: bytes) -> bytes | None:
    """The longest word of the text that has something else on both sides; None without one.

    Words beside an escaped character do not count: in JSON text they look different.
    """
    if any(form != text for form in _forms(text)):
        return None
    inner = [
        match[0] for match in _WORD.finditer(text) if match.start() > 0 and match.end() < len(text)
    ]
    return max(inner, key=len, default=None)


def _forms(text: bytes) -> tuple[bytes, ...]:
    """The text itself, and as it stands inside JSON strings."""
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError:
        return (text,)
    escaped = {json.dumps(plain, ensure_ascii=ascii)[1:-1].encode() for ascii in (True, False)}
    return (text, *sorted(escaped - {text}))
