"""A started program, followed to its end: its time, its streams, and who may break it off."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass

from .launch import Process, close_streams
from .processes import end_child, reap_ended, status_of

READ_BYTES = 64 * 1024
# The largest pipe of an unprivileged user; what is left in one after the end is not more.
LEFT_BYTES = 1024 * 1024


class CancelledError(Exception):
    """The client went away, or the daemon ends."""


@dataclass(frozen=True)
class Watch:
    """What may end a run early. `is_over` looks; `descriptors` wake the one who waits."""

    descriptors: tuple[int, ...]
    is_over: Callable[[], bool]

    def pause(self, seconds: float) -> None:
        """Waits a little; CancelledError when it is over."""
        select.select(self.descriptors, (), (), seconds)
        if self.is_over():
            raise CancelledError


@dataclass(frozen=True)
class End:
    """How a program ended (`status` as of wait), after how many seconds, and what it said."""

    status: int
    timed_out: bool
    seconds: float
    stdout: bytes
    stderr: bytes

    @property
    def exit(self) -> int | None:
        """The exit code; None when a signal ended the program."""
        return os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else None

    @property
    def signal(self) -> int | None:
        """The signal that ended the program."""
        return None if os.WIFEXITED(self.status) else os.WTERMSIG(self.status)


class Tail:
    """The last bytes of a stream, in bounded memory whatever the stream's length."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor = descriptor
        self._limit = limit
        self._kept = bytearray()

    def read(self) -> int:
        """Takes what is there, at most READ_BYTES; 0 at the end, -1 when nothing is there yet."""
        try:
            data = os.read(self.descriptor, READ_BYTES)
        except BlockingIOError:
            return -1
        self._kept += data[-self._limit :] if self._limit else b""
        if len(self._kept) > self._limit:
            del self._kept[: len(self._kept) - self._limit]
        return len(data)

    def finish(self) -> bytes:
        """The tail, with what still stood in the pipe when the last writer was killed."""
        left = LEFT_BYTES
        while left > 0:
            count = self.read()
            if count <= 0:
                break
            left -= count
        return bytes(self._kept)


class Run:
    """The time between a program's start and its end, at most `timeout` seconds."""

    def __init__(self, process: Process, tail_bytes: int, timeout: float) -> None:
        self._process = process
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.seconds = timeout
        self.timed_out = False
        self.tails = (Tail(process.stdout, tail_bytes), Tail(process.stderr, tail_bytes))

    def follow(self, watch: Watch) -> None:
        """Empties the streams until the program ends or must end."""
        poller = select.poll()
        for descriptor in watch.descriptors:
            poller.register(descriptor, select.POLLIN)
        streams = {tail.descriptor: tail for tail in self.tails}
        for descriptor in streams:
            poller.register(descriptor, select.POLLIN)
        while True:
            # Before the look at the child: a wake-up that comes after it must stay to be seen.
            if watch.is_over():
                raise CancelledError
            if self._has_ended():
                return
            left = self.deadline - time.monotonic()
            if left <= 0:
                self.timed_out = True
                return
            for descriptor, _ in poller.poll(left * 1000 + 1):
                if descriptor in streams and streams[descriptor].read() == 0:
                    poller.unregister(descriptor)

    def _has_ended(self) -> bool:
        reap_ended()
        if status_of(self._process.pid) is None:
            return False
        self.seconds = time.monotonic() - self.started
        return True

    @property
    def has_succeeded(self) -> bool:
        """Whether the program has ended by itself with exit code 0."""
        return not self.timed_out and status_of(self._process.pid) == 0

    def finish(self) -> End:
        """The whole of it; every process must have been ended by now. Closes the streams."""
        try:
            status = end_child(self._process.pid)
            stdout, stderr = (tail.finish() for tail in self.tails)
        finally:
            close_streams(self._process)
        return End(
            status=status,
            timed_out=self.timed_out,
            seconds=self.seconds,
            stdout=stdout,
            stderr=stderr,
        )
