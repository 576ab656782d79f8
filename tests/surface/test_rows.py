"""Rows of a split: what is a sample, what is not, and on which line."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.surface.rows import Row, RowReader


def read(
    data: bytes, fields: tuple[str, ...] = ()
) -> tuple[tuple[Row, ...], tuple[Diagnostic, ...]]:
    reader = RowReader(file="train.jsonl", input_fields=fields)
    rows = tuple(reader.read(data.splitlines(keepends=True)))
    return rows, tuple(reader.found)


def check(data: bytes, fields: tuple[str, ...] = ()) -> tuple[int, tuple[Diagnostic, ...]]:
    rows, found = read(data, fields)
    return len(rows), found


def only(data: bytes, fields: tuple[str, ...] = ()) -> Diagnostic:
    (found,) = check(data, fields)[1]
    assert found.span.file == "train.jsonl"
    return found


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"", 0),
        (b"{}\n", 1),
        (b"{}", 1),
        (b'{"a": 1}\r\n{"a": 2}\r\n', 2),
        (b'{"id": 1}\n{"id": "x"}\n{}\n', 3),
        (b'{"a": "\\ud83d\\ude00 \xc3\xa9"}\n', 1),
        (b' {"a": [1, {"b": null}]} \n', 1),
    ],
)
def test_rows_that_are_samples(data: bytes, count: int) -> None:
    assert check(data) == (count, ())


def test_what_a_sample_is() -> None:
    rows, _ = read(b'{"id": 7, "a": "x"}\r\n{}\n {"id": "k"}')
    assert [(row.id, row.data, row.line) for row in rows] == [
        ("7", {"id": 7, "a": "x"}, b'{"id": 7, "a": "x"}'),
        ("1", {}, b"{}"),
        ("k", {"id": "k"}, b' {"id": "k"}'),
    ]
    assert [(row.place.line, row.place.column, row.place.end_column) for row in rows] == [
        (1, 1, 20), (2, 1, 3), (3, 1, 13),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (b"", 1),
        (b"  ", 1),
        (b"[]", 1),
        (b"1", 1),
        (b"null", 1),
        (b'"x"', 1),
        (b'{"a": NaN}', 1),
        (b'{"a": -Infinity}', 1),
        (b'{"a": 1,}', 9),
        (b"{'a': 1}", 2),
        (b'{"a": 1} {"b": 2}', 10),
        (b'{"a": "\xff"}', 1),
        (b"\xef\xbb\xbf{}", 1),
        (b"[" * 100_000, 1),
        (b'{"a": ' + b"9" * 5000 + b"}", 1),
    ],
)
def test_rows_that_are_none(row: bytes, column: int) -> None:
    limit = sys.get_int_max_str_digits()
    assert limit == 4300
    found = only(b"{}\n" + row + b"\n{}\n")
    assert (found.code, found.span.line, found.span.column) == ("MOR311", 2, column)


@pytest.mark.parametrize("id", [None, True, 1.5, [], {}, ""])
def test_ids_that_are_none(id: object) -> None:
    assert only(json.dumps({"id": id}).encode()).code == "MOR317"


@pytest.mark.parametrize(
    ("ids", "first"),
    [(["a", "a"], 1), ([1, "1"], 1), (["x", "y", "y"], 2), ([None, "0"], 1), (["1", None], 1)],
)
def test_ids_that_stand_twice(ids: list[object], first: int) -> None:
    rows = [{} if id is None else {"id": id} for id in ids]
    found = only("".join(json.dumps(row) + "\n" for row in rows).encode())
    assert (found.code, found.span.line) == ("MOR312", len(ids))
    assert dict(found.params)["first"] == first


def test_fields_that_are_missing() -> None:
    count, found = check(b'{"a": 1, "b": null}\n{"a": 1}\n{}\n', ("a", "b"))
    assert count == 3
    assert [(d.code, d.span.line, dict(d.params)["field"]) for d in found] == [
        ("MOR313", 2, "b"),
        ("MOR313", 3, "a"),
        ("MOR313", 3, "b"),
    ]


def test_many_complaints_are_cut() -> None:
    _, found = check(b"x\n" * 10_000)
    assert len(found) == 20


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=80))
def test_any_bytes_raise_nothing(data: bytes) -> None:
    count, found = check(data, ("a",))
    assert count <= data.count(b"\n") + data.count(b"\r") + 1
    assert all(d.span.line >= 1 for d in found)
