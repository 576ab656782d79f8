"""Hostile HTTP from main: nothing is finalised, read or run by it, and others are still served."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.docker.compose import Project
from tests.docker.workshop import ask
from tests.redteam.arena import KITS, put_files, read_ledger

docker = pytest.mark.docker
HELD = 300
LONGEST = 10.0
FINALISE = b"POST /finalize HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\n\r\n"
STATUS = b"GET /status HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Bytes, and every list of statuses that they may be answered with; a gain is any other."""

    name: str
    tries: str
    data: bytes
    allowed: tuple[list[int], ...]

    def __str__(self) -> str:
        return self.name


def head(line: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join((line, b"Host: e", *lines, b"", b""))


def refused(name: str, tries: str, data: bytes, *statuses: int) -> Wire:
    """Answered with one of the statuses (400 where none is given), or not at all."""
    return Wire(name=name, tries=tries, data=data, allowed=([], *([s] for s in (*statuses, 400))))


WIRES = (
    # There is no proxy between: what is hidden is a request of the sender's own, and refused.
    Wire(
        name="length-and-chunks", tries="hides a request behind two ways to say where a body ends",
        data=head(b"POST /eval HTTP/1.1", b"Content-Length: 4", b"Transfer-Encoding: chunked")
        + b"0\r\n\r\n" + FINALISE, allowed=([422, 404], [422], [400]),
    ),
    refused(
        "two-lengths", "hides a request behind two lengths",
        head(b"POST /eval HTTP/1.1", b"Content-Length: 0", b"Content-Length: 60") + FINALISE,
    ),
    refused(
        "odd-chunking", "a transfer coding that only some understand",
        head(b"POST /eval HTTP/1.1", b"Transfer-Encoding: xchunked") + b"0\r\n\r\n" + FINALISE,
        501,
    ),
    refused(
        "bad-chunk", "chunks whose size is no size",
        head(b"POST /eval HTTP/1.1", b"Transfer-Encoding: chunked") + b"-1\r\nx\r\n" + FINALISE,
    ),
    refused(
        "folded-header", "a header that goes on in the next line",
        head(b"POST /eval HTTP/1.1", b"Content-Length: 0", b"X: a\r\n b: c", b"Content-Length : 9"),
    ),
    refused("negative", "a negative length", head(b"POST /eval HTTP/1.1", b"Content-Length: -1")),
    refused(
        "endless", "a length beyond every limit",
        head(b"POST /eval HTTP/1.1", b"Content-Length: 99999999999999999999"), 413,
    ),
    refused(
        "large-body", "more than a request may have",
        head(b"POST /eval HTTP/1.1", b"Content-Length: 9000000") + b"x" * 9_000_000, 413,
    ),
    refused(
        "large-chunks", "the same without saying so first",
        head(b"POST /eval HTTP/1.1", b"Transfer-Encoding: chunked")
        + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 40, 413,
    ),
    refused(
        "huge-header", "a header of a megabyte",
        head(b"GET /status HTTP/1.1", b"X: " + b"x" * 1_000_000), 431,
    ),
    refused(
        "many-headers", "a hundred thousand headers",
        head(b"GET /status HTTP/1.1", *[b"X%d: y" % n for n in range(100_000)]), 431,
    ),
    refused("huge-path", "a path of a megabyte", head(b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1")),
    refused("nul-path", "a path with a NUL", head(b"GET /jobs/1\x00 HTTP/1.1"), 404),
    refused("quoted-nul", "the same, quoted", head(b"GET /jobs/%00 HTTP/1.1"), 404),
    refused("dots", "a way up", head(b"GET /jobs/../../finalize HTTP/1.1"), 404),
    refused("quoted-dots", "a quoted way up", head(b"GET /jobs/%2e%2e/finalize HTTP/1.1"), 404),
    refused("absolute", "a URL for a path", head(b"POST http://localhost/finalize HTTP/1.1"), 404),
    refused("unix-host", "the name of the control socket", head(
        b"POST /finalize HTTP/1.1", b"X-Forwarded-For: 127.0.0.1", b"X-Real-IP: 127.0.0.1",
        b"X-Original-URL: /finalize", b"X-Rewrite-URL: /finalize", b"Content-Length: 0"), 404),
    refused("trace", "TRACE", head(b"TRACE /status HTTP/1.1"), 405, 404),
    refused("connect", "CONNECT", head(b"CONNECT runner:80 HTTP/1.1"), 404, 405),
    refused("put", "PUT", head(b"PUT /results/1 HTTP/1.1", b"Content-Length: 0"), 405),
    refused("delete", "DELETE", head(b"DELETE /jobs/1 HTTP/1.1"), 405),
    refused("patch", "PATCH", head(b"PATCH /status HTTP/1.1", b"Content-Length: 0"), 405),
    refused("no-method", "a method of control characters", head(b"\x00\x01 /status HTTP/1.1")),
    Wire(
        name="http-2", tries="another protocol", allowed=([404, 400], [505], [400], []),
        data=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9,
    ),
    refused("http-0.9", "a protocol without headers", b"GET /finalize\r\n\r\n"),
    refused("tls", "a handshake", bytes.fromhex("16030100a5010000a10303") + b"\0" * 100),
    Wire(
        name="upgrade", tries="a websocket", allowed=([404], [400], []),
        data=head(b"GET /finalize HTTP/1.1", b"Upgrade: websocket", b"Connection: Upgrade",
                  b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Version: 13"),
    ),
    Wire(
        name="pipeline", tries="one request behind another", allowed=([404, 200], [404], [400]),
        data=FINALISE + STATUS,
    ),
    Wire(
        name="expect", tries="a body that waits to be asked for", allowed=([100], [100, 408]),
        data=head(b"POST /eval HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 9"),
    ),
    Wire(
        name="deep-body", tries="a body that is nested deeply", allowed=([422],),
        data=head(b"POST /eval HTTP/1.1", b"Connection: close", b"Content-Length: 200000")
        + b"[" * 200_000,
    ),
    Wire(
        name="huge-number", tries="a number too long to read", allowed=([422],),
        data=head(b"POST /eval HTTP/1.1", b"Connection: close", b"Content-Length: 200000")
        + b"9" * 200_000,
    ),
    Wire(
        name="wait-forever", tries="a wait without an end", allowed=([422],),
        data=head(b"GET /jobs/1?wait=inf HTTP/1.1", b"Connection: close"),
    ),
    Wire(name="control", tries="what everybody asks", allowed=([200],), data=STATUS),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(arena: Project) -> dict[str, Any]:
    put_files(arena, "/tmp/kit", {"wire.py": (KITS / "wire.py").read_bytes()})
    before = read_ledger(arena)
    order = json.dumps({"requests": {w.name: w.data.hex() for w in WIRES}, "idle": HELD})
    script = "import json, runpy, sys; sys.argv = ['x', sys.stdin.read()]; "
    script += "runpy.run_path('/tmp/kit/wire.py', run_name='__main__')"
    done = arena.run("main", "python3", "-c", script, user="agent", text=order.encode())
    assert read_ledger(arena) == before
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@docker
@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_nothing_is_gained(wire: Wire, report: dict[str, Any]) -> None:
    assert report["found"][wire.name] in wire.allowed, wire.tries


@pytest.mark.parametrize("wire", WIRES[:-1], ids=str)
def test_a_gain_would_be_noticed(wire: Wire) -> None:
    for gained in ([200], [201], [202], [422, 200], [500]):
        assert gained not in wire.allowed


@docker
def test_others_are_served_meanwhile(arena: Project, report: dict[str, Any]) -> None:
    """Beside all that, and beside hundreds of connections that are slow or silent."""
    assert set(report["others"]) == {200}
    assert report["worst"] < LONGEST
    assert ask(arena, "GET", "/status").body["sealed"] is False
    assert ask(arena, "GET", "/health").status == 200
