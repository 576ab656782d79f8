"""The wire, both ways and broken."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.runner import frames

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
headers = st.dictionaries(st.text().filter(lambda name: name != "body"), json_values, max_size=6)


def reader(data: bytes, step: int = 1 << 20) -> frames.Read:
    """Gives at most `step` bytes at once, as a socket may."""
    stream = io.BytesIO(data)
    return lambda size: stream.read(min(size, step))


@given(headers, st.none() | st.binary(max_size=2000), st.integers(1, 50))
def test_a_frame_comes_back_however_it_arrives(
    header: dict[str, Any], body: bytes | None, step: int
) -> None:
    data = frames.encode_frame(header, body)
    got, rest = frames.read_frame(reader(data, step), 2000)
    assert got == (header if body is None else {**header, "body": len(body)})
    assert rest == (body or b"")


@given(headers, st.binary(min_size=1, max_size=200), st.data())
def test_a_cut_frame_is_an_error(header: dict[str, Any], body: bytes, data: st.DataObject) -> None:
    whole = frames.encode_frame(header, body)
    cut = data.draw(st.integers(0, len(whole) - 1))
    expected = frames.EndOfStream if cut == 0 else frames.FrameError
    with pytest.raises(expected):
        frames.read_frame(reader(whole[:cut]), 2000)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(frames.FrameError):
        frames.read_frame(reader(data), 1000)


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_chunks_come_back(pieces: list[bytes]) -> None:
    data = b"".join(map(frames.encode_chunk, pieces)) + frames.END_OF_CHUNKS
    assert list(frames.read_chunks(reader(data, 7))) == pieces


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"1",
        b"",
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"\xff",
        b"[" * 100_000,
        b'{"body":-1}',
        b'{"body":true}',
        b'{"body":"1"}',
        b'{"body":1001}',
        b'{"body":1.0}',
    ],
)
def test_a_header_that_is_none(text: bytes) -> None:
    with pytest.raises(frames.FrameError):
        frames.read_frame(reader(struct.pack(">I", len(text)) + text), 1000)


def test_bounds() -> None:
    with pytest.raises(frames.FrameError, match="larger"):
        frames.read_frame(reader(struct.pack(">I", frames.MAX_HEADER + 1)), 0)
    with pytest.raises(frames.FrameError, match="larger"):
        list(frames.read_chunks(reader(struct.pack(">I", frames.MAX_CHUNK + 1))))
    with pytest.raises(frames.FrameError, match="larger"):
        frames.encode_frame({"a": "x" * frames.MAX_HEADER})
    for data in (b"", b"x" * (frames.MAX_CHUNK + 1)):
        with pytest.raises(frames.FrameError):
            frames.encode_chunk(data)


@pytest.mark.parametrize("header", [{"body": 1}, {"a": float("nan")}, {"a": b"bytes"}])
def test_what_cannot_be_sent(header: dict[str, Any]) -> None:
    with pytest.raises(frames.FrameError):
        frames.encode_frame(header)
