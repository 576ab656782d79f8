"""read_yaml: any bytes give a document or complaints, each node with its exact place."""

from __future__ import annotations

import time
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.span import Span
from compiler.source.document import Document, Path
from compiler.source.read_yaml import MOST_BYTES, MOST_DEPTH, MOST_NODES, read_yaml
from compiler.source.scalars import type_plain

# A generous multiple of what a small file takes, on a busy machine; a hang takes for ever.
BOUND_SECONDS = 60.0


def read(text: str | bytes) -> Document:
    data = text if isinstance(text, bytes) else text.encode()
    document, found = read_yaml(data, "build.yaml")
    assert document is not None, found
    assert found == ()
    return document


def complaints(text: str | bytes) -> tuple[Diagnostic, ...]:
    data = text if isinstance(text, bytes) else text.encode()
    document, found = read_yaml(data, "build.yaml")
    assert document is None
    assert found
    return found


def complaint(text: str | bytes) -> tuple[str, int, int]:
    """The code, line and column of the only complaint."""
    (only,) = complaints(text)
    assert only.span.file == "build.yaml"
    return only.code, only.span.line, only.span.column


def text_at(text: str, span: Span) -> str:
    """What stands in a span; lines end as YAML has it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    first = lines[span.line - 1][span.column - 1 :]
    between = lines[span.line : span.end_line - 1]
    last = lines[span.end_line - 1][: span.end_column - 1]
    return "\n".join([first, *between, last])


# What plain data means.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", 1),
        ("a: +1", 1),
        ("a: -12", -12),
        ("a: 012", 12),
        ("a: 0o17", 15),
        ("a: 0x1F", 31),
        ("a: 0x1f", 31),
        ("a: 0b11", "0b11"),
        ("a: 0o18", "0o18"),
        ("a: -0x1", "-0x1"),
        ("a: 1_000", "1_000"),
        ("a: 1:30", "1:30"),
        ("a: 1e3", 1000.0),
        ("a: 1E+3", 1000.0),
        ("a: .5", 0.5),
        ("a: 5.", 5.0),
        ("a: -.5e1", -5.0),
        ("a: 1e999", "1e999"),
        ("a: .inf", ".inf"),
        ("a: -.INF", "-.INF"),
        ("a: .nan", ".nan"),
        ("a: ~", None),
        ("a: null", None),
        ("a: NULL", None),
        ("a: nUll", "nUll"),
        ("a:", None),
        ("a: true", True),
        ("a: False", False),
        ("a: yes", "yes"),
        ("a: on", "on"),
        ("a: y", "y"),
        ("a: 2001-01-01", "2001-01-01"),
        ("a: =", "="),
        ("a: <<", "<<"),
        ("a: '1'", "1"),
        ('a: "true"', "true"),
        ("a: !!str 1", "1"),
        ("a: !!str", ""),
        ("a: |\n  1\n", "1\n"),
        ("a: ¹", "¹"),
        ("a: ١", "١"),
    ],
)
def test_plain_scalars_are_those_of_the_core_schema(text: str, value: object) -> None:
    data = read(text).data["a"]
    assert data == value
    assert type(data) is type(value)


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="0123456789+-.eExXobafnNIul_~:TtrR", min_size=1, max_size=8))
def test_the_reader_types_plain_scalars_as_the_table_says(text: str) -> None:
    document, _ = read_yaml(f"a: {text}\n".encode(), "f")
    # Some of these texts are no plain scalars at all: `- x`, `a: b`.
    if document is None or ("a",) not in document.plain:
        return
    assert document.data == {"a": type_plain(text)}


def test_numbers_with_thousands_of_digits_stay_bounded() -> None:
    assert type_plain("9" * 4300) == int("9" * 4300)
    assert type_plain("9" * 4301) == "9" * 4301
    assert str(type_plain("0x" + "f" * 3000)).isdigit()
    assert str(type_plain("0o" + "7" * 4300)).isdigit()


@pytest.mark.parametrize("text", ["", "\n", "# a comment\n", "---\n", "\ufeff"])
def test_an_empty_file_is_nothing(text: str) -> None:
    assert read(text).data is None


def test_line_ends_may_be_any() -> None:
    assert read("a: b\rc: d\r").data == {"a": "b", "c": "d"}
    assert read("a: b\r\nc: |\r\n  d\r\n").data == {"a": "b", "c": "d\n"}


def test_line_and_paragraph_separators_end_no_line() -> None:
    document = read('a: "x\u2028y\x85z"\nb: 1\n')
    assert document.data["b"] == 1
    assert document.places.value("b").line == 2


def test_a_directive_of_yaml_1_1_changes_nothing() -> None:
    document = read("%YAML 1.1\n---\na: yes\nb: 012\nc: 0o17\n")
    assert document.data == {"a": "yes", "b": 12, "c": 15}


def test_a_byte_order_mark_counts_as_nothing() -> None:
    document = read("\ufeffa: b\n")
    assert document.data == {"a": "b"}
    assert document.text == "a: b\n"
    assert document.places.value("a").column == 4


# Aliases, merges, cycles.


def test_an_alias_reports_the_place_of_its_anchor() -> None:
    text = "a: &x\n  k: deep\nb: *x\n"
    document = read(text)
    assert document.data == {"a": {"k": "deep"}, "b": {"k": "deep"}}
    assert document.places.value("b", "k") == document.places.value("a", "k")
    assert text_at(text, document.places.value("b", "k")) == "deep"


def test_an_anchor_may_be_set_again() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read("a: &x 1\nb: &x 2\nc: *x\n").data == {"a": 1, "b": 2, "c": 2}


def test_a_merge_fills_what_is_not_there() -> None:
    text = "a: &x {k: 1, l: 2}\nb:\n  k: 3\n  <<: *x\n"
    document = read(text)
    assert document.data["b"] == {"k": 3, "l": 2}
    assert text_at(text, document.places.value("b", "k")) == "3"
    assert text_at(text, document.places.value("b", "l")) == "2"
    assert document.places.key("b", "l").line == 1
    assert ("b", "l") in document.plain


def test_of_several_merges_the_first_wins() -> None:
    text = "a: &a {k: 1}\nb: &b {k: 2, l: 3}\nc: {<<: [*a, *b]}\nd: {<<: *b, <<: *a}\n"
    document = read(text)
    assert document.data["c"] == {"k": 1, "l": 3}
    assert document.data["d"] == {"k": 2, "l": 3}


def test_a_merged_mapping_may_merge_itself() -> None:
    text = "a: &a {k: 1}\nb: &b {<<: *a, l: 2}\nc: {<<: *b}\n"
    assert read(text).data["c"] == {"k": 1, "l": 2}


@pytest.mark.parametrize("source", ["1", "[1]", "[[a]]", "~"])
def test_only_mappings_can_be_merged(source: str) -> None:
    assert complaint(f"a: {{<<: {source}}}")[0] == "MOR112"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "&a {b: *a}",
        "a: &a {<<: *a}",
        "a: &a {<<: [*a, *a, *a], b: 1}",
        "a: &a\n  b: {<<: *a}\n  c: {<<: *a}\n",
        "&a [{<<: [*a]}, *a]",
    ],
)
def test_cycles_are_refused(text: str) -> None:
    assert {d.code for d in complaints(text)} <= {"MOR103", "MOR112"}


# Bounds.


def alias_bomb(width: int, levels: int) -> str:
    uses = [", ".join([f"*a{level}"] * width) for level in range(levels)]
    return "\n".join(["a0: &a0 [x]", *(f"a{i + 1}: &a{i + 1} [{u}]" for i, u in enumerate(uses))])


def merge_bomb(levels: int) -> str:
    uses = [", ".join([f"*a{level}"] * 9) for level in range(levels)]
    lines = (f"a{i + 1}: &a{i + 1} {{<<: [{u}]}}" for i, u in enumerate(uses))
    return "\n".join(["a0: &a0 {k: x}", *lines])


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20000,
        "{a: " * 20000,
        "- " * 20000,
        "? " * 20000,
        "".join(" " * i + "a:\n" for i in range(400)),
        "a: " + "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1),
        "a: " + "&x [" * 5000,
    ],
    ids=["lists", "mappings", "items", "keys", "indentation", "one too deep", "anchors"],
)
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    start = time.monotonic()
    (found,) = complaints(text)
    assert found.code == "MOR103"
    assert ("what", "deeply nested") in found.params
    assert time.monotonic() - start < BOUND_SECONDS


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * 20000, (1, MOST_DEPTH + 2)),
        ("a: " + "{a: " * 20000, (1, 4 + 4 * MOST_DEPTH)),
        ("\n".join(" " * i + "a:" for i in range(400)), (MOST_DEPTH + 2, MOST_DEPTH + 2)),
        ("[\n" * 150 + "]\n" * 150, (MOST_DEPTH + 2, 1)),
        ("a: 1\nb: " + "&x [" * 5000, (2, 4 + 4 * MOST_DEPTH)),
    ],
    ids=["lists", "mappings", "indentation", "lines", "anchors"],
)
def test_what_is_nested_too_deeply_is_pointed_at(text: str, place: tuple[int, int]) -> None:
    (found,) = complaints(text)
    assert (found.span.line, found.span.column) == place


def test_the_deepest_allowed_is_read() -> None:
    value: Any = read("[" * MOST_DEPTH + "]" * MOST_DEPTH).data
    depth = 0
    while value:
        (value,) = value
        depth += 1
    assert depth == MOST_DEPTH - 1


@pytest.mark.parametrize("bomb", [alias_bomb(10, 9), merge_bomb(9)], ids=["aliases", "merges"])
def test_bombs_are_refused(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.source.read_yaml.MOST_NODES", 20_000)
    start = time.monotonic()
    (found,) = complaints(bomb)
    assert found.code == "MOR103"
    assert ("what", "large") in found.params
    assert time.monotonic() - start < BOUND_SECONDS


def test_the_bound_on_values_leaves_room_and_memory() -> None:
    assert 200_000 <= MOST_NODES <= 1_000_000


def test_a_file_may_have_16_mib_and_no_byte_more() -> None:
    assert read(b"#" * MOST_BYTES).data is None
    assert complaint(b"#" * (MOST_BYTES + 1))[0] == "MOR103"


# Bytes that are no YAML.


@pytest.mark.parametrize(
    ("data", "offset", "line", "column"),
    [
        (b"\xff", 0, 1, 1),
        (b"ab\xff", 2, 1, 3),
        (b"a: b\nc: \xe9\n", 8, 2, 4),
        (b"a: b\r\nc: \xe9\n", 9, 2, 4),
        (b"a: b\rc: \xe9\n", 8, 2, 4),
        ("a: é".encode() + b"\x80", 5, 1, 5),
        (b"\xef\xbb\xbfab\xff", 5, 1, 3),
        ("a: b".encode("utf-16"), 0, 1, 1),
        (b"a: \xed\xa0\x80", 3, 1, 4),
        (b"a: \xc3", 3, 1, 4),
    ],
)
def test_what_is_not_utf_8_is_placed(data: bytes, offset: int, line: int, column: int) -> None:
    (found,) = complaints(data)
    assert (found.code, found.span.line, found.span.column) == ("MOR104", line, column)
    assert found.params == (("offset", offset),)


@settings(deadline=None, max_examples=60)
@given(
    before=st.text(alphabet="ab: \n\ré漢😀", max_size=40),
    bad=st.sampled_from([b"\xff", b"\x80", b"\xc3\x28", b"\xf5\x80"]),
    after=st.binary(max_size=20),
)
def test_the_first_byte_that_is_not_utf_8_is_found(before: str, bad: bytes, after: bytes) -> None:
    (found,) = complaints(before.encode() + bad + after)
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert found.code == "MOR104"
    assert found.params == (("offset", len(before.encode())),)
    assert (found.span.line, found.span.column) == (len(lines), len(lines[-1]) + 1)


@pytest.mark.parametrize("character", ["\0", "\x01", "\x0b", "\x0c", "\x1c", "\x7f", "\ufffe"])
def test_control_characters_are_placed(character: str) -> None:
    assert complaint(f"a: b\nc: d{character}e\n") == ("MOR101", 2, 5)
    assert complaint(f"a: b\rc: d{character}e\n") == ("MOR101", 2, 5)


@pytest.mark.parametrize(
    ("text", "column"),
    [(r'a: "\ud800"', 4), (r'a: "x\udfffy"', 4), (r'"\ud800": x', 1), (r'[{"\udead": 1}]', 3)],
)
def test_halves_of_surrogate_pairs_are_refused(text: str, column: int) -> None:
    assert complaint(text) == ("MOR101", 1, column)


def test_whole_surrogate_pairs_are_characters() -> None:
    assert read(r'{"a\ud83d\ude00": "\ud83d\ude00b"}').data == {"a😀": "😀b"}


def test_an_escape_beyond_unicode_is_placed() -> None:
    assert complaint('a: b\nc: "x\\U00110000"\n') == ("MOR101", 2, 6)
    assert read('a: "\\U0010FFFF"').data == {"a": "\U0010ffff"}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: b: c", 1, 5),
        ("a: [1, 2", 1, 9),
        ("a: 'x\nb: y\n", 3, 1),
        ("a: b\n\tc: d\n", 2, 1),
        ("a: *nobody", 1, 4),
        ("a: 1\n---\nb: 2\n", 2, 1),
        ("a: @x", 1, 4),
        ("a: `x`", 1, 4),
        ("%YAML 3.0\n---\na: b\n", 1, 1),
    ],
)
def test_syntax_errors_are_placed(text: str, line: int, column: int) -> None:
    assert complaint(text) == ("MOR101", line, column)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a: !foo x", 4),
        ("a: !foo {b: c}", 4),
        ("a: !foo [b]", 4),
        ("a: !!set {b}", 4),
        ("a: !!omap [b: c]", 4),
        ("a: !!binary eA==", 4),
        ("a: !!python/object:os.system x", 4),
        ('a: !!int "5"', 4),
        ("a: !!float 5", 4),
        ("a: !!null foo", 4),
        ("a: !<tag:example.org,2000:x> y", 4),
    ],
)
def test_tags_are_refused(text: str, column: int) -> None:
    assert complaint(text) == ("MOR107", 1, column)


@pytest.mark.parametrize("text", ["? [a]\n: b", "? {a: b}\n: c", "{[a]: b}"])
def test_keys_are_text(text: str) -> None:
    assert [d.code for d in complaints(text)] == ["MOR106"]


def test_scalar_keys_are_text_as_written() -> None:
    assert read("1: a\n~: b\ntrue: c\n1.0: d\n'': e\n").data == {
        "1": "a",
        "~": "b",
        "true": "c",
        "1.0": "d",
        "": "e",
    }


def test_each_repeated_key_is_placed_with_its_first() -> None:
    found = complaints("a: 1\nb: {c: 1, c: 2}\na: 3\n'a': 4\n")
    assert [(d.code, d.span.line, d.span.column, dict(d.params)["first"]) for d in found] == [
        ("MOR102", 2, 11, 2),
        ("MOR102", 3, 1, 1),
        ("MOR102", 4, 1, 1),
    ]


def test_complaints_of_one_file_come_together() -> None:
    found = complaints("a: 1\na: 2\nb: !x 1\n? [k]\n: v\nc: {<<: 1}\n")
    assert {d.code for d in found} == {"MOR102", "MOR107", "MOR106", "MOR112"}


# Places.


def test_an_absent_value_is_placed_at_its_key() -> None:
    text = "a:   # nothing\n\n\nb: 1\nc:\n  d:\n"
    document = read(text)
    assert text_at(text, document.places.value("a")) == "a"
    assert text_at(text, document.places.value("c", "d")) == "d"


def test_columns_count_characters() -> None:
    text = 'é: "漢😀"\n"😀": {k: v, w: é}\n"\ufeff": [\ufeff1, \ufeffb]\n'
    document = read(text)
    assert text_at(text, document.places.value("é")) == '"漢😀"'
    assert text_at(text, document.places.value("😀", "w")) == "é"
    assert text_at(text, document.places.value("\ufeff", 1)) == "\ufeffb"


def test_a_block_collection_is_placed_where_it_begins() -> None:
    document = read("a:\n  - x\n  - y: z\nb: {c: d}\n")
    places = document.places
    assert (places.value("a").line, places.value("a").column) == (2, 3)
    assert places.value("a").end_line == 2
    assert (places.value("b").column, places.value("b").end_column) == (4, 10)


def test_a_place_that_is_not_there_is_that_of_the_nearest_above() -> None:
    places = read("a: {b: [c]}\n").places
    assert places.value("a", "b", 7, "x") == places.value("a", "b")
    assert places.key("a", "nothing") == places.value("a")
    assert places.value("nothing") == places.value()
    assert places.has("a", "b", 0)
    assert not places.has("a", "c")


PRINTABLE = st.characters(
    exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"], exclude_characters="\ufeff"
)


@st.composite
def written_scalars(draw: st.DrawFn) -> tuple[str, object, bool]:
    """A scalar as written on one line, its value, and whether it is plain."""
    how = draw(st.sampled_from(["plain", "single", "double"]))
    if how == "plain":
        text = draw(st.from_regex(r"[A-Za-z0-9_./][A-Za-z0-9_./@%+-]{0,12}", fullmatch=True))
        return text, type_plain(text), True
    value = draw(st.text(PRINTABLE, max_size=12))
    if how == "single":
        return "'" + value.replace("'", "''") + "'", value, False
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"', value, False


Shape = st.recursive(
    written_scalars().map(lambda scalar: ("scalar", scalar)),
    lambda below: st.one_of(
        st.lists(below, max_size=4).map(lambda items: ("list", items)),
        st.lists(below, max_size=4).map(lambda items: ("mapping", items)),
    ),
    max_leaves=12,
)


class Writer:
    """Writes a shape in flow style and notes what each scalar and key was written as."""

    def __init__(self, line_end: str) -> None:
        self.line_end = line_end
        self.written: dict[Path, str] = {}
        self.keys: dict[Path, str] = {}
        self.plain: set[Path] = set()

    def write(self, shape: tuple[str, Any], path: Path) -> tuple[str, Any]:
        kind, content = shape
        if kind == "scalar":
            text, value, plain = content
            self.written[path] = text
            if plain:
                self.plain.add(path)
            return text, value
        if kind == "list":
            pairs = [self.write(item, (*path, i)) for i, item in enumerate(content)]
            text = f"[{self.line_end} ".join([""]) + ", ".join(t for t, _ in pairs)
            return f"[{text}]", [value for _, value in pairs]
        parts, data = [], {}
        for i, item in enumerate(content):
            key = f"k{i}"
            self.keys[(*path, key)] = key
            text, data[key] = self.write(item, (*path, key))
            parts.append(f"{key}:  {text}")
        return "{" + f",{self.line_end}   ".join(parts) + "}", data


@settings(deadline=None, max_examples=150)
@given(shape=Shape, line_end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_node_is_placed_exactly_at_its_text(shape: tuple[str, Any], line_end: str) -> None:
    writer = Writer(line_end)
    flow, data = writer.write(shape, ("top",))
    text = f"# comment{line_end}top: {flow}{line_end}"
    document = read(text)
    assert document.data == {"top": data}
    for path, written in writer.written.items():
        assert text_at(text, document.places.value(*path)) == written
    for path, written in writer.keys.items():
        assert text_at(text, document.places.key(*path)) == written
    assert set(document.plain) == writer.plain


# Anything at all.


def hold_the_promise(data: bytes) -> None:
    document, found = read_yaml(data, "f")
    assert (document is None) == bool(found)
    for d in found:
        assert 1 <= d.span.line <= d.span.end_line
        assert d.span.column >= 1
        assert d.span.end_column >= 1


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_or_complaints(data: bytes) -> None:
    hold_the_promise(data)


FRAGMENTS = [
    "a", "b", ": ", "- ", "\n", "  ", "\n  ", "[", "]", "{", "}", ", ", "'", '"', "&x ", "*x", "!",
    "!!str ", "!<", "%", "%YAML 1.1\n", "%TAG !e! t\n", "---\n", "...\n", "#", "|", "|+2\n", ">-\n",
    "? ", "<<: ", "\\", "\\x", "\\ud800", "\\U", "0", "~", "\t", "\r", "\u2028", "\x85", "\ufeff",
    "@", "`", "=", "-", "!!set ", "!!omap ", "\0", "\x7f", "!e!f ", "%41", "&", "*", ":", "é", "😀",
]  # fmt: skip


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=16).map("".join))
def test_any_pieces_of_yaml_give_a_document_or_complaints(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hold_the_promise(text.encode())
