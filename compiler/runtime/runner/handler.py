"""One connection: requests in, answers out, one after the other."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from . import frames
from .janitor import Ground
from .plan import Plan
from .run import CancelledError, Watch
from .sample import Outcome, hold_session, run_sample
from .secrets import hide_secrets
from .setup import Setup, SetupFailedError
from .store import Store
from .tar import TarError
from .tree import TooLargeError

# A peer that stops in the middle of a frame, or does not take its answer.
STALL_SECONDS = 120.0
# Characters of a refusal.
MESSAGE = 4096
_TREE = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class RequestError(Exception):
    """An answer of its own: `code` as the protocol lists them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Answer:
    """The fields beside `ok`, and the bytes after them, if any."""

    fields: dict[str, Any]
    body: bytes | None = None


class Handler:
    """Serves one connected client until it goes or the process is told to end."""

    def __init__(self, client: socket.socket, plan: Plan, ground: Ground) -> None:
        self._client = client
        self._plan = plan
        self._ground = ground
        self._store = Store(plan.candidates, plan.limits.tree_bytes)
        self._ending = False
        self._wake, wake_end = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_end, False)
        signal.signal(signal.SIGTERM, self._end)
        # Without a handler no byte would say that a child has ended.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Answers until the end of the connection; a broken frame ends it as well."""
        self._client.settimeout(STALL_SECONDS)
        try:
            while self._has_request():
                header, _ = frames.read_frame(self._client.recv, 0)
                answer = self._answer(header)
                self._client.sendall(answer)
        except frames.EndOfStream:
            return
        except CancelledError:
            return
        except (frames.FrameError, OSError) as error:
            log(f"connection closed: {error}")

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending = True

    def _has_request(self) -> bool:
        while not self._ending:
            readable, _, _ = select.select([self._client.fileno(), self._wake], [], [])
            self._drain_wake()
            if self._client.fileno() in readable:
                return not self._ending
        return False

    def _drain_wake(self) -> None:
        try:
            os.read(self._wake, 4096)
        except BlockingIOError:
            return

    def _is_over(self) -> bool:
        """Whether the client went away, or spoke out of turn, or the process is told to end."""
        self._drain_wake()
        if self._ending:
            return True
        return bool(select.select((self._client,), (), (), 0)[0])

    def _is_gone(self) -> bool:
        """The same while the client may still be sending: only its end counts."""
        self._drain_wake()
        poller = select.poll()
        poller.register(self._client.fileno(), select.POLLRDHUP)
        return self._ending or bool(poller.poll(0))

    def _watch(self) -> Watch:
        return Watch((self._client.fileno(), self._wake), self._is_over)

    def _answer(self, header: frames.Header) -> bytes:
        try:
            answer = self._dispatch(header)
            return frames.encode_frame({"ok": True, **answer.fields}, answer.body)
        except RequestError as error:
            return _refusal(error.code, str(error))
        except (CancelledError, frames.FrameError, ConnectionError, TimeoutError):
            raise
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            log(f"{header.get('op')} failed: {message}")
            return _refusal("internal", message)

    def _dispatch(self, header: frames.Header) -> Answer:
        operations: dict[str, Callable[[frames.Header], Answer]] = {
            "ping": self._ping,
            "has": self._has,
            "put": self._put,
            **({"session": self._session} if self._plan.sessions else {"sample": self._sample}),
        }
        name = header.get("op")
        operation = operations.get(name) if isinstance(name, str) else None
        if operation is None:
            raise RequestError("bad_request", f"there is no operation {json.dumps(name)[:80]}")
        return operation(header)

    def _ping(self, header: frames.Header) -> Answer:
        return Answer({"protocol": frames.PROTOCOL, "slots": len(self._plan.slots)})

    def _has(self, header: frames.Header) -> Answer:
        return Answer({"present": self._store.has(_tree(header))})

    def _put(self, header: frames.Header) -> Answer:
        # What follows is not a request, whatever is wrong with this one.
        stream = ChunkStream(self._client.recv, 8 * self._plan.limits.tree_bytes + 2**28)
        try:
            self._unpack(header, stream)
        finally:
            stream.skip_rest()
        return Answer({})

    def _unpack(self, header: frames.Header, stream: ChunkStream) -> None:
        tree = _tree(header)
        if self._store.has(tree):
            return
        try:
            if self._plan.setup is None:
                self._store.put(tree, stream.read)
            else:
                setup = Setup(self._plan, self._ground, self._store, self._watch())
                with setup.turn(Watch((self._wake,), self._is_gone)):
                    setup.put(tree, stream.read)
        except TarError as error:
            raise RequestError("bad_tree", str(error)) from error
        except TooLargeError as error:
            raise RequestError("too_large", str(error)) from error
        except SetupFailedError as error:
            raise RequestError("setup_failed", str(error)) from error

    def _sample(self, header: frames.Header) -> Answer:
        tree, fields = _tree(header), header.get("input")
        if not isinstance(fields, dict):
            raise RequestError("bad_request", "input: expected an object")
        with self._store.use(tree) as workspace:
            if workspace is None:
                raise RequestError("unknown_tree", f"there is no tree {tree}")
            outcome = run_sample(self._plan, self._ground, workspace, fields, self._watch())
            return self._describe(outcome)

    def _session(self, header: frames.Header) -> Answer:
        """Holds a session with a candidate's agent, on the descriptor that comes with the request;
        the answer says how it ended.
        """
        with self._take_channel() as channel:
            tree = _tree(header)
            with self._store.use(tree) as workspace:
                if workspace is None:
                    raise RequestError("unknown_tree", f"there is no tree {tree}")
                watch = self._watch()
                outcome = hold_session(self._plan, self._ground, workspace, channel, watch)
                return self._describe(outcome)

    def _take_channel(self) -> socket.socket:
        flags = socket.MSG_CMSG_CLOEXEC
        _, descriptors, _, _ = socket.recv_fds(self._client, 1, 1, flags)
        try:
            return socket.socket(fileno=descriptors[0])
        except (IndexError, OSError) as error:
            for descriptor in descriptors:
                os.close(descriptor)
            raise RequestError("bad_request", "expected a socket after the request") from error

    def _describe(self, outcome: Outcome) -> Answer:
        end = outcome.end
        stdout, stderr = (
            hide_secrets(self._plan, text.decode("utf-8", "replace"))
            for text in (end.stdout, end.stderr)
        )
        fields = {
            "exit": end.exit,
            "signal": end.signal,
            "timed_out": end.timed_out,
            "seconds": round(end.seconds, 6),
            "output": outcome.output.state,
            "stderr": stderr,
            "stdout": stdout,
        }
        return Answer(fields, outcome.output.data)


class ChunkStream:
    """The bytes of a stream of chunks, at most `limit` of them; more end the connection."""

    def __init__(self, read: frames.Read, limit: int) -> None:
        self._chunks = frames.read_chunks(read)
        self._rest = memoryview(b"")
        self._left = limit

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer only at the end."""
        pieces: list[memoryview] = []
        while size:
            if not self._rest and not self._fill():
                break
            piece, self._rest = self._rest[:size], self._rest[size:]
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def skip_rest(self) -> None:
        """Reads up to the end mark, so that the next frame can be found."""
        while self._fill():
            pass

    def _fill(self) -> bool:
        chunk = next(self._chunks, b"")
        self._left -= len(chunk)
        if self._left < 0:
            raise frames.FrameError("a stream of chunks goes on and on")
        self._rest = memoryview(chunk)
        return bool(chunk)


def _tree(header: frames.Header) -> str:
    tree = header.get("tree")
    if not isinstance(tree, str) or not _TREE.fullmatch(tree):
        raise RequestError("bad_request", "tree: expected an object id in lower case hexadecimal")
    return tree


def _refusal(code: str, message: str) -> bytes:
    error = {"code": code, "message": message[:MESSAGE]}
    return frames.encode_frame({"ok": False, "error": error})


def log(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    sys.stderr.write(f"runner: {' '.join(message.split())[:2000]}\n")
    sys.stderr.flush()
