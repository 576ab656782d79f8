"""The runner, seen from the evaluator: pooled connections, deadlines, and errors by whose fault
they are.

The runner is trusted to keep candidates apart, not to be up: a connection that fails, a deadline
that passes or an answer that is no answer is `RunnerFailure`, the machinery's. Closing a connection
ends its sample.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from ..runner import frames
from .plan import PlanA, PlanB

PING_SECONDS = 5.0
PUT_SECONDS = 120.0
SAMPLE_MARGIN = 30.0  # beyond a sample's own time: for the runner to end what runs and to clean up
Archive = Callable[[str], Generator[bytes, None, None]]
Output = Literal["present", "missing", "too_large", "not_a_file"]
_OUTPUTS: dict[str, Output] = {
    "present": "present",
    "missing": "missing",
    "too_large": "too_large",
    "not_a_file": "not_a_file",
}


class RunnerFailure(Exception):
    """The runner could not do it: the machinery's failure."""


class RunnerSilent(RunnerFailure):
    """The runner did not answer within its time, which is longer than a sample's own."""


class TreeUnknown(RunnerFailure):
    """The runner does not have the tree (any more)."""


class TreeRefused(Exception):
    """The runner does not take the tree as it is: the candidate's failure."""


class SetupFailed(TreeRefused):
    """The candidate's own preparation of its tree failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the candidate's command. `stderr` is a bounded tail that candidate code chose."""

    exit: int | None
    signal: int | None
    timed_out: bool
    seconds: float
    output: Output
    stderr: str
    body: bytes


class _Connection:
    """One stream to the runner, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def call(
        self, header: Mapping[str, object], body_limit: int = 0
    ) -> tuple[frames.Header, bytes]:
        await self.send(frames.encode_frame(header))
        return await self.receive(body_limit)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self, body_limit: int = 0) -> tuple[frames.Header, bytes]:
        size = frames.decode_size(await self._reader.readexactly(frames.PREFIX), frames.MAX_HEADER)
        header = frames.decode_header(await self._reader.readexactly(size))
        return header, await self._reader.readexactly(frames.body_size(header, body_limit))

    def usable(self) -> bool:
        return not self._reader.at_eof() and not self._writer.is_closing()

    def close(self) -> None:
        self._writer.close()

    async def end(self) -> None:
        """Closes, and waits until it is closed."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class RunnerClient:
    """Connections are kept for reuse, at most as many as there are callers at one time."""

    def __init__(self, plan: PlanA | PlanB) -> None:
        self._socket = str(plan.paths.runner_socket)
        seconds = plan.sample_timeout if isinstance(plan, PlanA) else 0
        self._sample_seconds = seconds + SAMPLE_MARGIN
        self._output_bytes = plan.limits.output_bytes
        self._idle: list[_Connection] = []

    async def ping(self) -> None:
        """Raises `RunnerFailure` when the runner takes no new connection, is silent, or speaks
        another protocol.
        """
        async with self._connection(PING_SECONDS, fresh=True) as connection:
            answer, _ = await connection.call({"op": "ping"})
            _check(answer)
        if answer.get("protocol") != frames.PROTOCOL:
            raise RunnerFailure(f"the runner speaks protocol {answer.get('protocol')!r:.20}")

    async def ensure(self, tree: str, archive: Archive) -> None:
        """Hands a tree over unless the runner has it; `archive` opens its tar, and is called when
        it is needed. Returns when the tree is ready to run: as long as its preparation may take,
        which the runner bounds, is for the caller to bound as well.
        """
        async with self._connection(PUT_SECONDS) as connection:
            answer, _ = await connection.call({"op": "has", "tree": tree})
            _check(answer)
        if answer.get("present") is not True:
            async with self._connection(None) as connection:
                await _put(connection, tree, archive)

    async def sample(self, tree: str, values: Mapping[str, object]) -> Run:
        """Runs the candidate's command once on the input fields of a sample."""
        async with self._connection(self._sample_seconds) as connection:
            request = {"op": "sample", "tree": tree, "input": values}
            answer, body = await connection.call(request, self._output_bytes)
            _check(answer)
            return _decode_run(answer, body)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().end()

    @asynccontextmanager
    async def _connection(
        self, seconds: float | None, *, fresh: bool = False
    ) -> AsyncIterator[_Connection]:
        """A connection for one request; it is kept only when the request ended well."""
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = await (self._open() if fresh else self._connect())
                yield connection
        except TimeoutError as error:
            raise RunnerSilent("the runner did not answer in time") from error
        except (OSError, asyncio.IncompleteReadError, frames.FrameError) as error:
            raise RunnerFailure(f"the runner cannot be reached or understood: {error}") from error
        else:
            if not fresh:
                self._idle.append(connection)
                connection = None
        finally:
            if connection is not None:
                connection.close()

    async def _connect(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.close()
        return await self._open()

    async def _open(self) -> _Connection:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        return _Connection(reader, writer)


async def _put(connection: _Connection, tree: str, archive: Archive) -> None:
    """Sends a tar in chunks while it listens, since the runner may refuse before it has read all of
    it.
    """
    answered = asyncio.ensure_future(connection.receive())
    complete = False
    try:
        async with asyncio.timeout(PUT_SECONDS):
            await connection.send(frames.encode_frame({"op": "put", "tree": tree}))
            complete = await _send_archive(connection, tree, archive, answered)
    except ConnectionError:
        pass  # the answer, if there is one, says why the runner stopped reading
    except BaseException:
        answered.cancel()
        raise
    answer, _ = await answered
    _check(answer, ("bad_tree", "too_large"))
    if not complete:
        raise RunnerFailure("the runner answered before it had the whole tree")


async def _send_archive(
    connection: _Connection,
    tree: str,
    archive: Archive,
    answered: asyncio.Future[tuple[frames.Header, bytes]],
) -> bool:
    """Whether the tar was sent to its end."""
    with contextlib.closing(archive(tree)) as chunks:
        while (data := await _next(chunks)) is not None:
            for piece in _pieces(data):
                sending = asyncio.ensure_future(connection.send(frames.encode_chunk(piece)))
                waited: set[asyncio.Future[Any]] = {sending, answered}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if answered.done() and not sending.done():
                    sending.cancel()
                    return False
                await sending
        await connection.send(frames.END_OF_CHUNKS)
        return True


async def _next(chunks: Generator[bytes, None, None]) -> bytes | None:
    """The next chunk, read in a thread; when cancelled, only after that thread has let go of it."""
    step = asyncio.create_task(asyncio.to_thread(_take, chunks))
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait({step})
        raise


def _take(chunks: Generator[bytes, None, None]) -> bytes | None:
    return next(chunks, None)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), frames.MAX_CHUNK):
        yield data[start : start + frames.MAX_CHUNK]


def _check(answer: frames.Header, refusals: Sequence[str] = ()) -> None:
    """Raises what an answer says went wrong; the codes in `refusals` say that the tree is at fault,
    as `setup_failed` always does.
    """
    if answer.get("ok") is True:
        return
    code, message = _error(answer)
    if code == "setup_failed":
        raise SetupFailed(message)
    if code in refusals:
        raise TreeRefused(f"{code}: {message}")
    if code == "unknown_tree":
        raise TreeUnknown(message)
    raise RunnerFailure(f"{code}: {message}")


def _error(answer: frames.Header) -> tuple[str, str]:
    error = answer.get("error")
    fields = error if isinstance(error, dict) else {}
    return str(fields.get("code"))[:60], str(fields.get("message"))[-2000:]


def _decode_run(answer: frames.Header, body: bytes) -> Run:
    exit_code, signal_number, seconds = (
        answer.get("exit"),
        answer.get("signal"),
        answer.get("seconds"),
    )
    timed_out, output, stderr = answer.get("timed_out"), answer.get("output"), answer.get("stderr")
    if not (_whole(exit_code) and _whole(signal_number) and isinstance(timed_out, bool)):
        raise RunnerFailure("the runner's answer does not say how the command ended")
    if (
        output not in _OUTPUTS
        or not isinstance(stderr, str)
        or not isinstance(seconds, (int, float))
    ):
        raise RunnerFailure("the runner's answer does not say what the command left")
    return Run(
        exit=exit_code,
        signal=signal_number,
        timed_out=timed_out,
        seconds=float(seconds),
        output=_OUTPUTS[output],
        stderr=stderr[-4000:],
        body=body,
    )


def _whole(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))
