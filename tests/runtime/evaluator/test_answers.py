"""A candidate's output is bounded, strict JSON, or its own failure."""

from __future__ import annotations

import pytest

from compiler.runtime.evaluator.answers import BadAnswer, decode_answer

LIMIT = 1 << 20


@pytest.mark.parametrize(
    "data", [b"1", b' {"a": [1.5, null, "x"]}\n', b'"\\ud800"', b"-0", b"1e308"]
)
def test_json_is_taken_as_it_is(data: bytes) -> None:
    assert decode_answer(data, LIMIT) == data.decode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"1 2", "not JSON"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"1e999", "too large"),
        (b"9" * 10000, "too long"),
        (b"\xff", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"\xef\xbb\xbf1", "not JSON"),
        (b"[" * 500_000, "nested too deeply|not JSON"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"a":' * 150_000 + b"1" + b"}" * 150_000, "nested too deeply"),
        (b"[" + b"1," * 600_000 + b"1]", "larger than"),
    ],
)
def test_anything_else_is_the_candidates_failure(data: bytes, message: str) -> None:
    with pytest.raises(BadAnswer, match=message):
        decode_answer(data, LIMIT)
