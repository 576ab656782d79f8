"""The wire between evaluator and runner: length-prefixed JSON objects with optional raw bodies.

A frame is a big-endian u32, that many bytes of a JSON object in UTF-8, and, when the object holds
an integer `body`, that many raw bytes. A stream of chunks (`put`) is u32-prefixed pieces of raw
bytes that a piece of length zero ends. This module knows no sockets: it reads through a function
that takes a number of bytes and returns at most that many, and none at the end of the stream.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

PROTOCOL = 1
# Room for one sample's input, and for two tails of a MiB whose every byte became an escape.
MAX_HEADER = 16 * 1024 * 1024
MAX_BODY = 256 * 1024 * 1024
MAX_CHUNK = 4 * 1024 * 1024
PREFIX = 4

Read = Callable[[int], bytes]
Header = dict[str, Any]
_SIZE = struct.Struct(">I")


class FrameError(Exception):
    """The bytes are not a frame: the connection is of no further use."""


class EndOfStream(FrameError):
    """The other side closed its end between two frames."""


def encode_frame(header: Mapping[str, Any], body: bytes | None = None) -> bytes:
    """One frame; `body` sets the header's own `body`, which the caller must not."""
    if "body" in header:
        raise FrameError("the size of a body is set by the encoder")
    fields = dict(header) if body is None else {**header, "body": len(body)}
    try:
        text = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise FrameError(f"a header cannot be written as JSON: {error}") from error
    if len(text) > MAX_HEADER:
        raise FrameError(f"a header of {len(text)} bytes is larger than {MAX_HEADER}")
    return _SIZE.pack(len(text)) + text + (body or b"")


def decode_size(prefix: bytes, limit: int) -> int:
    """The length that a prefix of four bytes announces, at most `limit`."""
    size: int = _SIZE.unpack(prefix)[0]
    if size > limit:
        raise FrameError(f"a length of {size} bytes is larger than {limit}")
    return size


def decode_header(text: bytes) -> Header:
    """The JSON object of a frame. Numbers that JSON does not have are refused."""
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a header is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise FrameError("a header is not a JSON object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def body_size(header: Mapping[str, Any], limit: int) -> int:
    """How many raw bytes follow the header; 0 without a body."""
    size = header.get("body", 0)
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= limit:
        raise FrameError(f"the size of a body is not an integer from 0 to {limit}")
    return size


def read_exactly(read: Read, size: int) -> bytes:
    """`size` bytes; a stream that ends earlier is a FrameError."""
    pieces = []
    missing = size
    while missing:
        piece = read(min(missing, MAX_CHUNK))
        if not piece:
            raise FrameError("the stream ended inside a frame")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def read_frame(read: Read, body_limit: int) -> tuple[Header, bytes]:
    """The next frame's header and body. EndOfStream when there is none."""
    first = read(PREFIX)
    if not first:
        raise EndOfStream("the stream ended")
    prefix = first + read_exactly(read, PREFIX - len(first))
    header = decode_header(read_exactly(read, decode_size(prefix, MAX_HEADER)))
    return header, read_exactly(read, body_size(header, body_limit))


def encode_chunk(data: bytes) -> bytes:
    """One piece of a stream, 1 to MAX_CHUNK bytes."""
    if not 0 < len(data) <= MAX_CHUNK:
        raise FrameError(f"a chunk has 1 to {MAX_CHUNK} bytes, not {len(data)}")
    return _SIZE.pack(len(data)) + data


END_OF_CHUNKS = _SIZE.pack(0)


def read_chunks(read: Read) -> Iterator[bytes]:
    """The pieces of one stream, up to its end mark."""
    while True:
        size = decode_size(read_exactly(read, PREFIX), MAX_CHUNK)
        if size == 0:
            return
        yield read_exactly(read, size)
