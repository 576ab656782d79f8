"""A session with a candidate's agent: its process runs in the runner, and asks here for what it
wants done in its environment.

Calls are served only while a phase runs, so that nothing of the candidate's reaches the environment
while it is verified.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import Mapping
from typing import IO, Any

from ..runner import frames
from ..runner.streams import PIECE, FrameStream
from .calls import AFTER_THE_END, METHODS, TAKES_FILES, Answer, BadCall, CallFailed, Calls
from .errors import KINDS, CandidateError, RunnerUnreachableError
from .report import read_text
from .transfers import FILE_BYTES

# What a candidate's process may send: header, calls at a time, calls in one session.
MOST_HEADER = 1024 * 1024 + 64 * 1024
MOST_AT_ONCE = 16
MOST_CALLS = 100_000
CONNECT_SECONDS = 10.0
# For the runner to end what runs, to clean up, and to say how it went.
END_SECONDS = 40.0
# For the runner to say that it is there.
PING_SECONDS = 10.0
# For an agent whose time is over to hand in what it has.
GRACE_SECONDS = 5.0


class Session:
    """The two connections of a session: `control` to the runner's daemon, which answers when the
    process has ended, and the stream to the process itself.
    """

    def __init__(self, path: str, stream: FrameStream, control: FrameStream, calls: Calls) -> None:
        self._path = path
        self._stream = stream
        self._control = control
        self._calls = calls
        self._left = MOST_CALLS
        self._open = asyncio.Semaphore(MOST_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._ending = False

    @classmethod
    async def begin(cls, path: str, tree: str, start: frames.Header, calls: Calls) -> Session:
        """Asks the runner for a session in a tree, and waits until the agent is made."""
        try:
            session = await _connect(path, tree, calls)
        except (OSError, TimeoutError, frames.FrameError) as error:
            raise RunnerUnreachableError(f"{type(error).__name__}: {error}") from error
        try:
            with contextlib.suppress(OSError, frames.FrameError):  # the answer says why
                await session._stream.send(start)
            await session._follow("ready")
        except BaseException:
            session.close()
            raise
        return session

    async def phase(self, order: frames.Header) -> frames.Header:
        """Has the agent do one thing, and performs its calls until that is done. Returns what it
        reports; a failure is raised. Cancelled, the agent may hand in what it has.
        """
        with contextlib.suppress(OSError, frames.FrameError):
            await self._stream.send(order)
        try:
            return await self._follow("done")
        finally:
            await self._finish_calls()

    async def cut_short(self) -> frames.Header:
        """After a phase was cancelled: tells the agent, and takes its last report, if it comes."""
        self._ending = True
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._stream.send({"op": "cancel"})
                while True:
                    header, _ = await self._stream.receive(MOST_HEADER)
                    if header.get("op") != "call":
                        return header
                    await self._take(header)
        except (TimeoutError, OSError, frames.FrameError, BadCall):
            return {}
        finally:
            await self._finish_calls()

    def close(self) -> None:
        """Hangs up: the runner ends whatever is left."""
        for task in self._running:
            task.cancel()
        self._stream.close()
        self._control.close()

    async def _follow(self, wanted: str) -> frames.Header:
        while True:
            try:
                header, _ = await self._stream.receive(MOST_HEADER)
                op = header.get("op")
                if op == "call":
                    await self._take(header)
                elif op == "failed":
                    raise _failure(header)
                elif op == wanted:
                    return header
                else:
                    raise BadCall("it speaks out of turn")
            except (frames.EndOfStream, ConnectionError) as error:
                raise await self._explain_end() from error
            except (frames.FrameError, BadCall) as error:
                raise CandidateError(
                    f"the agent's process does not keep to the wire: {error}"
                ) from error

    async def _take(self, header: frames.Header) -> None:
        """Starts one call; waits while too many run."""
        self._left -= 1
        if self._left < 0:
            raise BadCall(f"more than {MOST_CALLS} calls")
        method, arguments, number = (header.get(key) for key in ("method", "arguments", "id"))
        if not isinstance(arguments, dict) or not isinstance(number, int):
            raise BadCall("a call without arguments or number")
        if method not in METHODS or (self._ending and method not in AFTER_THE_END):
            raise BadCall("there is no such call")
        content = await self._content() if method in TAKES_FILES else None
        await self._open.acquire()
        task = asyncio.create_task(self._perform(number, str(method), arguments, content))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _content(self) -> IO[bytes]:
        content = tempfile.TemporaryFile()  # noqa: SIM115, the call closes it
        try:
            await self._stream.receive_chunks(content.write, FILE_BYTES + 64 * 1024 * 1024)
        except BaseException:
            content.close()
            raise
        content.seek(0)
        return content

    async def _perform(
        self, number: int, method: str, arguments: Mapping[str, Any], content: IO[bytes] | None
    ) -> None:
        header: dict[str, Any] = {"op": "answer", "id": number}
        try:
            answer = await self._calls.perform(method, arguments, content)
            header.update(ok=True, **answer.fields)
        except CallFailed as error:
            answer = Answer()
            header.update(ok=False, error={"type": error.kind, "message": str(error)})
        finally:
            self._open.release()
            if content is not None:
                content.close()
        with contextlib.suppress(OSError, frames.FrameError):  # nobody is there to hear it
            await self._send(header, answer)

    async def _send(self, header: dict[str, Any], answer: Answer) -> None:
        if answer.content is None:
            await self._stream.send(header, answer.body)
            return
        with answer.content as content:
            pieces = iter(lambda: content.read(PIECE), b"")
            await self._stream.send({**header, "chunks": True}, answer.body, pieces)

    async def _finish_calls(self) -> None:
        """Ends what the agent has left running: it has had its answer, or does not wait for it."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _explain_end(self) -> Exception:
        """The process is gone, or has hung up: the runner says how, or has failed itself."""
        try:
            async with asyncio.timeout(END_SECONDS):
                answer, _ = await self._control.receive(frames.MAX_HEADER, frames.MAX_BODY)
        except TimeoutError as error:
            if await _answers(self._path):
                return CandidateError("the agent's process hung up and went on running")
            return RunnerUnreachableError(f"{type(error).__name__}: {error}")
        except (OSError, frames.FrameError) as error:
            return RunnerUnreachableError(f"{type(error).__name__}: {error}")
        if answer.get("ok") is not True:
            return RunnerUnreachableError(str(answer.get("error"))[:1000])
        return CandidateError(_tell_end(answer))


async def _connect(path: str, tree: str, calls: Calls) -> Session:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with theirs:
            control.setblocking(False)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(control, path)
                request = frames.encode_frame({"op": "session", "tree": tree})
                await loop.sock_sendall(control, request)
            socket.send_fds(control, [b"\0"], [theirs.fileno()])
        return Session(path, await FrameStream.over(ours), await FrameStream.over(control), calls)
    except BaseException:
        ours.close()
        control.close()
        raise


async def _answers(path: str) -> bool:
    """Whether the runner answers on another connection."""
    try:
        async with asyncio.timeout(PING_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            stream = FrameStream(reader, writer)
            try:
                await stream.send({"op": "ping"})
                answer, _ = await stream.receive(frames.MAX_HEADER)
            finally:
                stream.close()
    except (TimeoutError, OSError, frames.FrameError):
        return False
    return answer.get("ok") is True


def _failure(report: frames.Header) -> Exception:
    """What the process says of the agent's failure: never more than the candidate's word."""
    kind = KINDS.get(str(report.get("kind")), CandidateError)
    return kind(f"{read_text(report.get('type'), 100)}: {read_text(report.get('message'))}")


def _tell_end(answer: frames.Header) -> str:
    if answer.get("timed_out") is True:
        how = "took too long"
    elif answer.get("signal") is not None:
        how = f"was ended by signal {answer['signal']}"
    else:
        how = f"ended with exit code {answer.get('exit')}"
    return f"the agent's process {how}\n{read_text(answer.get('stderr'))}".strip()
