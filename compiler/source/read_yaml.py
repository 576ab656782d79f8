"""Bytes -> Document: YAML 1.2 read into plain data, every node with its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span, span_of_file
from compiler.source.document import Document, Path, Places
from compiler.source.long_runs import Item, Offsets, shorten
from compiler.source.scalars import type_plain

MOST_BYTES: Final = 16 * 1024 * 1024
MOST_NODES: Final = 500_000
MOST_DEPTH: Final = 100

_BOM: Final = "\ufeff"
_LINE_END: Final = re.compile(r"\r\n?|\n")
_LONG_ESCAPE: Final = re.compile(r"\\U([0-9a-fA-F]{8})")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CORE: Final = "tag:yaml.org,2002:"
_MERGE_TAG: Final = _CORE + "merge"
_TEXT_TAG: Final = _CORE + "str"
# What a plain scalar without a tag gets: no document can write this one.
_PLAIN_TAG: Final = " plain"
_SCALAR_TAGS: Final = frozenset((_PLAIN_TAG, _MERGE_TAG, _TEXT_TAG))
_KINDS: Final = {"sequence": "a list", "mapping": "a mapping of keys"}
_COLLECTION_TAGS: Final = frozenset((_CORE + "map", _CORE + "seq"))


def read_yaml(data: bytes, file: str) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """The document in ``data``; None, with the reasons, when it is not YAML or beyond the bounds.

    ``file`` is the name to show in places. The bounds (16 MiB, half a million nodes after aliases
    are followed, 100 levels) keep a hostile file from taking the machine with it.
    """
    if len(data) > MOST_BYTES:
        limit = f"a file may have at most {MOST_BYTES // 2**20} MiB"
        return None, (diagnostic("MOR103", span_of_file(file), what="large", limit=limit),)
    try:
        text = data.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix(_BOM)
        place = _Lines(before, file).span(len(before), len(before) + 1)
        return None, (diagnostic("MOR104", place, offset=error.start),)
    lines = _Lines(text, file)
    root, offsets, problem = _compose(text, lines)
    if problem:
        return None, (problem,)
    walk = _Walk(lines=lines, offsets=offsets)
    value = walk.node(root, (), 0) if root is not None else None
    if walk.stopped:
        return None, tuple(walk.found)
    places = Places(file=file, values=walk.values, keys=walk.keys)
    walk.values.setdefault((), span_of_file(file))
    document = Document(data=value, text=text, places=places, plain=walk.plain)
    return (None if walk.found else document), tuple(walk.found)


class _Lines:
    """The one place where offsets into the text, which count from 0, become spans, from 1.

    Lines end as YAML has it: at a line feed, a carriage return, or both. ruamel's own columns
    pass over byte order marks, so they are not used.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def span(self, start: int, end: int) -> Span:
        line, column = self._place(start)
        end_line, end_column = self._place(end)
        return Span(
            file=self.file, line=line, column=column, end_line=end_line, end_column=end_column
        )

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1


def _compose(text: str, lines: _Lines) -> tuple[Any, Offsets, Diagnostic | None]:
    """The top node, how the offsets of its marks become those of the text, and what is wrong."""
    shortened = shorten(text)
    if shortened is not None:
        root, problem = _compose_whole(shortened.text(), lines)
        if root is not None and problem is None and shortened.fill(root):
            return root, shortened.offsets(), None
    root, problem = _compose_whole(text, lines)
    return root, Offsets(), problem


def _compose_whole(text: str, lines: _Lines) -> tuple[Any, Diagnostic | None]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.Resolver = _untyped_resolver()
    # An anchor may be set again: an alias means the last one before it.
    yaml.composer.warn_double_anchors = False
    try:
        return yaml.compose(text), None
    except RecursionError:
        return None, _nested(_find_too_deep(text, lines))
    except MarkedYAMLError as error:
        return None, _syntax(error, lines)
    except ReaderError as error:
        return None, _unreadable_character(text, error.position, lines)
    except (YAMLError, ValueError) as error:
        return None, _unreadable_value(text, str(error).splitlines()[0], lines)


def _nested(place: Span) -> Diagnostic:
    limit = f"a value may be nested at most {MOST_DEPTH} levels deep"
    return diagnostic("MOR103", place, what="deeply nested", limit=limit)


def _find_too_deep(text: str, lines: _Lines) -> Span:
    """The place of the first collection that lies too deep: reading events needs no recursion."""
    from ruamel.yaml import YAML
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

    yaml: Any = YAML(typ="safe", pure=True)
    depth = -1
    for event in yaml.parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                start = event.start_mark.index
                return lines.span(start, start + 1)
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
    return span_of_file(lines.file)


@cache
def _untyped_resolver() -> Any:
    """A resolver that types no plain scalar: ruamel's tables are not those of the core schema,
    and change with the document's ``%YAML`` directive."""
    from ruamel.yaml.nodes import ScalarNode
    from ruamel.yaml.resolver import VersionedResolver
    from ruamel.yaml.tag import Tag

    class Untyped(VersionedResolver):
        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is ScalarNode and implicit[0]:
                return Tag(suffix=_MERGE_TAG if value == "<<" else _PLAIN_TAG)
            return super().resolve(kind, value, implicit)

    return Untyped


def _syntax(error: Any, lines: _Lines) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    problem = str(error.problem or error.context or "it cannot be read").replace("\n", " ")
    hint = "check indentation, colons, quotes and brackets here and in the lines above"
    if "tab" in problem or "'\\t'" in problem:
        hint = "indent with spaces; YAML does not allow tabs"
    if "single document" in str(error.context):
        problem, hint = (
            "a second document starts here",
            "keep one document in a file, without `---` between",
        )
    span = span_of_file(lines.file) if mark is None else lines.span(mark.index, max(mark.index, 1))
    return diagnostic("MOR101", span, problem=problem, hint=hint)


def _unreadable_character(text: str, position: int, lines: _Lines) -> Diagnostic:
    shown = f"U+{ord(text[position]):04X}" if position < len(text) else "a character"
    hint = "remove it, or write it as an escape in double quotes"
    problem = f"the control character {shown} may not stand here"
    return diagnostic("MOR101", lines.span(position, position + 1), problem=problem, hint=hint)


def _unreadable_value(text: str, problem: str, lines: _Lines) -> Diagnostic:
    """What ruamel refuses without a place: above all an escape beyond the last code point."""
    escape = next((e for e in _LONG_ESCAPE.finditer(text) if int(e[1], 16) > 0x10FFFF), None)
    if escape is None:
        return diagnostic(
            "MOR101", span_of_file(lines.file), problem=problem, hint="check the syntax"
        )
    problem = f"there is no character {escape[0]}"
    hint = "the last one is \\U0010FFFF"
    return diagnostic("MOR101", lines.span(*escape.span()), problem=problem, hint=hint)


@dataclass
class _Walk:
    """One walk over the node graph: data, spans and complaints, within the bounds."""

    lines: _Lines
    offsets: Offsets
    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    plain: dict[Path, str] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)
    nodes: int = 0
    stopped: bool = False

    def node(self, node: Any, path: Path, depth: int) -> Any:
        self.nodes += 1
        span = self._span(node)
        if self.stopped or not self._within_bounds(depth, span):
            return None
        self.values[path] = span
        if isinstance(node, Item):
            return self._item(node, path)
        kind = node.id
        if kind != "scalar" and node.tag not in _COLLECTION_TAGS:
            self.found.append(diagnostic("MOR107", span, tag=str(node.tag)))
        if kind == "mapping":
            return self._mapping(node, path, depth)
        if kind == "sequence":
            return [self.node(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        return self._scalar(node, path, span)

    def _within_bounds(self, depth: int, span: Span) -> bool:
        if depth > MOST_DEPTH:
            self._stop(_nested(span))
        elif self.nodes > MOST_NODES:
            limit = (
                f"a file may have at most {MOST_NODES:,} values, counted where aliases repeat them"
            )
            self._stop(diagnostic("MOR103", span, what="large", limit=limit))
        return not self.stopped

    def _stop(self, why: Diagnostic) -> None:
        self.stopped = True
        self.found.append(why)

    def _mapping(self, node: Any, path: Path, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: list[Any] = []
        for key, value in node.value:
            if key.tag == _MERGE_TAG:
                merged.append(value)
                continue
            name = self._key(key)
            if name is None:
                continue
            span = self._span(key)
            first = self.keys.get((*path, name))
            if first is not None and name in result:
                self.found.append(diagnostic("MOR102", span, key=name, first=first.line))
                continue
            self.keys[(*path, name)] = span
            result[name] = self.node(value, (*path, name), depth + 1)
            if _is_absent(value):
                # ruamel places what is not there at the next token, which is another key's.
                self.values[(*path, name)] = span
        for value in merged:
            self._merge(value, result, path, depth)
        return result

    def _merge(self, node: Any, into: dict[str, Any], path: Path, depth: int) -> None:
        """YAML's merge key: entries of the other mapping, where this one has none of that name."""
        sources = node.value if node.id == "sequence" else [node]
        for source in sources:
            if source.id != "mapping":
                self.found.append(
                    diagnostic(
                        "MOR112",
                        self._span(source),
                        expected="a mapping to merge",
                        actual=_KINDS.get(source.id, "a plain value"),
                        hint="`<<` takes an alias of a mapping, or a list of them",
                    )
                )
                continue
            other = _Walk(lines=self.lines, offsets=self.offsets, nodes=self.nodes)
            data = other.node(source, path, depth + 1)
            self.nodes, self.stopped = other.nodes, other.stopped
            self.found.extend(other.found)
            if self.stopped:
                return
            self._adopt(other, {k: v for k, v in data.items() if k not in into}, path)
            into.update({k: v for k, v in data.items() if k not in into})

    def _adopt(self, other: _Walk, fresh: dict[str, Any], path: Path) -> None:
        size = len(path)
        for spans, theirs in ((self.values, other.values), (self.keys, other.keys)):
            spans.update({p: s for p, s in theirs.items() if len(p) > size and p[size] in fresh})
        self.plain.update(
            {p: t for p, t in other.plain.items() if len(p) > size and p[size] in fresh}
        )

    def _key(self, key: Any) -> str | None:
        if key.id == "scalar" and key.tag in _SCALAR_TAGS:
            return self._joined(key.value, self._span(key))
        actual = _KINDS.get(key.id, "a value with a tag")
        self.found.append(diagnostic("MOR106", self._span(key), actual=actual))
        return None

    def _scalar(self, node: Any, path: Path, span: Span) -> Any:
        if node.tag not in _SCALAR_TAGS:
            self.found.append(diagnostic("MOR107", span, tag=str(node.tag)))
            return None
        if node.style is None and node.tag == _PLAIN_TAG:
            self.plain[path] = node.value
            return type_plain(node.value)
        return self._joined(node.value, span)

    def _item(self, item: Item, path: Path) -> Any:
        if item.quoted:
            return item.value
        self.plain[path] = item.value
        return type_plain(item.value)

    def _joined(self, text: str, span: Span) -> str:
        """Text that escapes wrote: pairs of surrogates, as JSON has them, become characters.

        Half of a pair is refused: no text file can hold it.
        """
        if not _SURROGATE.search(text):
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            problem = "half of a surrogate pair is no character"
            hint = "write the whole character, or its escape \\UXXXXXXXX"
            self.found.append(diagnostic("MOR101", span, problem=problem, hint=hint))
            return ""

    def _span(self, node: Any) -> Span:
        if isinstance(node, Item):
            return self.lines.span(node.start, node.end)
        start = self.offsets.original(node.start_mark.index)
        end = self.offsets.original(node.end_mark.index)
        if node.id != "scalar" and not node.flow_style:
            # A block collection ends where the next token starts: point at its first line alone.
            end = start + 1
        return self.lines.span(start, end)


def _is_absent(node: Any) -> bool:
    return bool(node.id == "scalar" and node.start_mark.index == node.end_mark.index)
