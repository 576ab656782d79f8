"""A runner and a backend that do what a test's script says."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from compiler.runtime.evaluator.dataset import Sample
from compiler.runtime.evaluator.outcomes import Failed, Lost, Outcome, Scored
from compiler.runtime.runner import frames

from .house import House

Json = dict[str, Any]
ENDED = {"ok": True, "exit": 0, "signal": None, "timed_out": False, "seconds": 0.01}
PRESENT = {**ENDED, "output": "present", "stdout": "", "stderr": ""}


def failure(code: str) -> Json:
    return {"ok": False, "error": {"code": code, "message": "said so"}}


def right(request: Json) -> tuple[Json, bytes]:
    """A candidate that adds."""
    values = request["input"]
    return PRESENT, json.dumps(values["left"] + values["right"]).encode()


# What a script may answer: (header, body), raw bytes, or None to close without an answer.
Answer = tuple[Json, bytes] | bytes | None
Script = Callable[[Json, int], Answer]


class FakeRunner:
    """Speaks the wire; `script` gets each sample request and its number, and says what comes."""

    def __init__(self, path: Path, script: Script) -> None:
        self.path = path
        self.script = script
        self.trees: dict[str, bytes] = {}
        self.requests: list[Json] = []
        self.put: Json = {"ok": True}
        # Trees over which it ends, when they are handed to it.
        self.deadly: set[str] = set()
        self.hang = False
        self._hanging: str | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeRunner]:
        server = await asyncio.start_unix_server(self._serve, path=str(self.path))
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._open):
                writer.close()
            await server.wait_closed()
            self.path.unlink(missing_ok=True)

    def hang_on(self, op: str | None) -> None:
        """From now on requests of this kind get no answer; `None` ends it. From any thread."""
        self._hanging = op

    def wait_for(self, op: str, seconds: float = 20) -> None:
        """Blocks until a request of this kind has come. From another thread."""
        deadline = time.monotonic() + seconds
        while not self.count(op):
            assert time.monotonic() < deadline, f"no {op} came"
            time.sleep(0.01)

    def drop(self) -> None:
        """Cuts every connection, as a runner that ends does."""
        for writer in list(self._open):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        size = frames.decode_size(await reader.readexactly(4), frames.MAX_HEADER)
        request = frames.decode_header(await reader.readexactly(size))
        self.requests.append(request)
        if self.hang or request["op"] == self._hanging:
            await reader.read()  # until the other side has had enough
            return False
        answer = await self._react(request, reader)
        if answer is None:
            return False
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
            return False
        header, body = answer
        writer.write(frames.encode_frame(header, body or None))
        await writer.drain()
        return True

    async def _react(self, request: Json, reader: asyncio.StreamReader) -> Answer:
        if request["op"] == "ping":
            return {"ok": True, "protocol": frames.PROTOCOL, "slots": 2}, b""
        if request["op"] == "has":
            return {"ok": True, "present": request["tree"] in self.trees}, b""
        if request["op"] == "put" and request["tree"] in self.deadly:
            return None
        if request["op"] == "put":
            self.trees[request["tree"]] = await self._receive(reader)
            return self.put, b""
        if request["tree"] not in self.trees:
            return failure("unknown_tree"), b""
        return self.script(request, self.count("sample"))

    async def _receive(self, reader: asyncio.StreamReader) -> bytes:
        data = b""
        while size := frames.decode_size(await reader.readexactly(4), frames.MAX_CHUNK):
            data += await reader.readexactly(size)
        return data

    def count(self, op: str) -> int:
        return sum(request["op"] == op for request in self.requests)


class FakeBackend:
    """Scores trees by a table: a number for all samples, or an outcome for each evaluation in turn.

    `None` in the table is an evaluation that the machinery loses. Evaluations wait for `gate`.
    """

    part = "fake"

    async def check(self) -> None:
        """There is nothing to check."""

    def __init__(self, table: Mapping[str, Sequence[float | None]]) -> None:
        self._table = {tree: list(values) for tree, values in table.items()}
        self.seen: list[tuple[str, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()
        self.cancelled = 0

    async def ping(self) -> None:
        return

    async def close(self) -> None:
        return

    async def evaluate(self, tree: str, samples: Sequence[Sample]) -> tuple[Outcome, ...]:
        self.seen.append((tree, len(samples)))
        self.started.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        values = self._table.get(tree, [])
        value = values.pop(0) if len(values) > 1 else (values[0] if values else None)
        if value is None:
            return (Lost(cause="lost"),) * len(samples)
        if value == FAILING:
            return (Failed(cause="failed"),) * len(samples)
        return (Scored(score=value, output="1"),) * len(samples)


FAILING = -99.0


@contextmanager
def scripted_runner(house: House, script: Callable[[Json, int], Answer]) -> Iterator[FakeRunner]:
    """A fake runner in a thread of its own, at the socket of the plan."""
    runner = FakeRunner(Path(house.plan["paths"]["runner_socket"]), script)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        async with runner.running():
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield runner
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
