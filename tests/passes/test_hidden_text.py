"""Hidden text is found wherever a plain search would find it, and nothing else is."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics.span import Span, span_of_file
from compiler.passes.hidden_text import SHORTEST, HiddenText
from compiler.surface.rows import Row, RowReader

PLACE = span_of_file("data/test.jsonl")
SECRET = "the answer is forty-two"


def row_of(data: dict[str, Any], *, ascii: bool = True) -> Row:
    line = json.dumps(data, ensure_ascii=ascii).encode() + b"\n"
    reader = RowReader(file="data/test.jsonl", input_fields=())
    (row,) = reader.read([line])
    assert not reader.found
    return row


def hiding(*texts: str) -> HiddenText:
    hidden = HiddenText()
    for text in texts:
        hidden.learn_row(row_of({"a": text}), visible=False)
    return hidden


def naming(*names: str, public: bool = False) -> HiddenText:
    hidden = HiddenText()
    for name in names:
        hidden.learn_name(name, PLACE, public=public)
    return hidden


def found(hidden: HiddenText, text: bytes) -> list[str]:
    return [needle.text.decode("utf-8", "surrogatepass") for needle in hidden.search(text)]


# What is looked for.


@pytest.mark.parametrize("length", range(SHORTEST - 2, SHORTEST + 3))
@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
def test_strings_count_from_sixteen_characters_on(length: int, letter: str) -> None:
    text = letter * length
    assert found(hiding(text), text.encode()) == [text] * (length >= SHORTEST)


def test_strings_are_found_at_any_depth_and_keys_are_not() -> None:
    hidden = HiddenText()
    data = {"a": [{"b": [SECRET]}], "a key of many characters": 1, "n": 1234567890123456789}
    hidden.learn_row(row_of(data), visible=False)
    assert found(hidden, SECRET.encode()) == [SECRET]
    assert found(hidden, b"a key of many characters 1234567890123456789") == []


def test_a_row_is_found_as_it_is_written() -> None:
    hidden = HiddenText()
    row = row_of({"id": 1, "answer": True})
    hidden.learn_row(row, visible=False)
    text = b'x\n{"id": 1, "answer": true}\ny'
    assert [needle.text for needle in hidden.search(text)] == [row.line]
    assert hidden.search(b'{"id": 1,"answer": true}') == []


def test_space_around_a_string_does_not_hide_it() -> None:
    assert found(hiding(f"\n  {SECRET}\t"), SECRET.encode()) == [SECRET]


def test_the_place_is_that_of_the_first_sample_with_the_text() -> None:
    hidden = HiddenText()
    lines = [json.dumps({"id": i, "a": SECRET}).encode() for i in (1, 2)]
    for row in RowReader(file="f", input_fields=()).read(lines):
        hidden.learn_row(row, visible=False)
    (needle,) = hidden.search(SECRET.encode())
    assert needle.place == Span(
        file="f", line=1, column=1, end_line=1, end_column=len(lines[0]) + 1
    )


@pytest.mark.parametrize("visible_first", [True, False])
def test_what_a_visible_sample_has_too_is_no_secret(visible_first: bool) -> None:
    hidden = HiddenText()
    shared, own = "shared by all of the samples", "only in the hidden sample"
    rows = [(row_of({"id": "v", "a": shared}), True), (row_of({"a": shared, "b": own}), False)]
    for row, visible in rows if visible_first else reversed(rows):
        hidden.learn_row(row, visible=visible)
    assert found(hidden, f"{shared} {own}".encode()) == [own]


# Where it is found.


@pytest.mark.parametrize("before", range(33))
@pytest.mark.parametrize("length", [15, 16, 17, 22, 23, 24, 30, 31, 38, 39, 40])
def test_every_alignment(before: int, length: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(length))
    hidden = naming(text)
    for after in range(9):
        assert found(hidden, b"." * before + text.encode() + b"." * after) == [text]
        assert found(hidden, b"." * before + text.encode()[1:] + b"." * after) == []
        assert found(hidden, b"." * before + text.encode()[:-1] + b"." * after) == []


@pytest.mark.parametrize(
    "text",
    [
        'she said "no, never" to it', "line one\nline two\nand three", "a\\backslash\\in the path",
        "naïve café, crème brûlée", "\U0001f600 smiles at the reader", "tab\tand\x01control char",
        "half \ud800 of a pair, alone", "end of line\r\nand the next",
    ],
)  # fmt: skip
def test_every_form_of_a_string_in_json(text: str) -> None:
    hidden = hiding(text)
    for ascii in (True, False):
        written = json.dumps({"copied": text}, ensure_ascii=ascii)
        assert found(hidden, written.encode("utf-8", "surrogatepass")) == [text]
    assert found(hidden, b"x " + text.encode("utf-8", "surrogatepass")) == [text]


@pytest.mark.parametrize("before", range(33))
def test_a_short_needle_is_found_beside_long_ones(before: int) -> None:
    long, short = "a text of some forty characters, or more", "sixteen letters!"
    text = b"." * before + short.encode() + b"." * (40 - before) + long.encode()
    assert found(hiding(long, short), text) == [long, short]


def test_many_needles_are_found_as_few_are() -> None:
    texts = [f"sample number {i:06d} of very many samples" for i in range(4000)]
    assert found(hiding(*texts), f"..{texts[17]}...{texts[3999]}".encode()) == [
        texts[17],
        texts[3999],
    ]


def test_needles_come_once_and_in_the_order_in_which_they_were_learnt() -> None:
    texts = [f"sample number {i} of many" for i in range(50)]
    hidden = hiding(*texts)
    assert found(hidden, " ".join(reversed(texts * 2)).encode()) == texts


# Names.


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("task-1", True), ("a task-1 b", True), ("path/task-1/x", True), ('"task-1"', True),
        ("(task-1).", True), ("task-1.", True), ("see task-1...", True), ("[task-1]", True),
        ("-task-1", True), ("task-1\n", True), ("é task-1é", True), ("x=task-1;", True),
        ("task-10", False), ("task-1a", False), ("mytask-1", False), ("task-1-2", False),
        ("task_1", False), ("Task-1", False), ("task-1_", False), ("", False), ("task", False),
    ],
)  # fmt: skip
def test_short_names_stand_as_whole_words(text: str, there: bool) -> None:
    assert found(naming("task-1"), text.encode()) == ["task-1"] * there


def test_long_names_are_found_inside_words() -> None:
    name = "a-long-name-of-a-task"
    assert found(naming(name), f"my{name}.json".encode()) == [name]


def test_names_that_differ_in_a_dot_are_both_found() -> None:
    assert found(naming("a.", "a"), b"a") == ["a.", "a"]


@pytest.mark.parametrize("public", [True, False])
def test_a_name_knows_whether_it_is_public(public: bool) -> None:
    (needle,) = naming("task-1", public=public).search(b"task-1")
    assert (needle.public, needle.place) == (public, PLACE)


def test_nothing_is_found_where_nothing_is_hidden() -> None:
    assert HiddenText().search(b"anything at all, of some length") == []


# Against a search that looks everywhere.

ALPHABET = st.sampled_from('aaab"\\\né')
NEEDLES = st.lists(st.text(ALPHABET, min_size=16, max_size=48), max_size=6)
NAMES = st.lists(st.from_regex(r"[ab_][ab.-]{0,17}", fullmatch=True), max_size=6)


def forms(text: str) -> list[bytes]:
    return [
        text.encode(),
        json.dumps(text, ensure_ascii=True)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode(),
    ]


def naive(needles: list[str], names: list[str], text: bytes) -> set[str]:
    words = {word.strip(b".-") for word in re.findall(rb"[0-9A-Za-z_.-]+", text)}
    there = {n for n in needles if any(form in text for form in forms(n))}
    for name in names:
        plain = name.encode()
        if plain in text if len(plain) >= 15 else plain.strip(b".-") in words:
            there.add(name)
    return there


@settings(deadline=None, max_examples=400)
@given(
    needles=NEEDLES,
    names=NAMES,
    pieces=st.lists(st.text(ALPHABET, max_size=12) | st.integers(0, 30), max_size=12),
)
def test_as_a_plain_search_finds(
    needles: list[str], names: list[str], pieces: list[str | int]
) -> None:
    needles = [needle.strip() for needle in needles if len(needle.strip()) >= SHORTEST]
    known = [form for text in (*needles, *names) for form in forms(text)]
    text = b"".join(
        piece.encode() if isinstance(piece, str) else known[piece % len(known)] if known else b""
        for piece in pieces
    )
    hidden = HiddenText()
    for needle in needles:
        row = Row(id="", data={"a": needle}, line=b"", place=PLACE)
        hidden.learn_row(row, visible=False)
    for name in names:
        hidden.learn_name(name, PLACE, public=False)
    assert set(found(hidden, text)) == naive(needles, names, text)
    assert len(hidden.search(text)) == len(set(found(hidden, text)))


def test_many_samples_that_begin_alike_take_no_time() -> None:
    hidden = HiddenText()
    start = "Answer the question that follows in one sentence. "
    for i in range(4000):
        hidden.learn_row(row_of({"a": f"{start}Number {i} hidden."}), visible=False)
    text = "\n".join(f"{start}Number {i} seen." for i in range(4000)).encode()
    assert hidden.search(text) == []
    before = time.process_time()
    assert hidden.search(text) == []
    assert time.process_time() - before < 2
    assert found(hidden, f"xx{start}Number 77 hidden.".encode()) == [f"{start}Number 77 hidden."]
