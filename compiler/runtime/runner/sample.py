"""One sample, from taking a slot to leaving it clean."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .janitor import Ground, Output, UncleanError, clean
from .launch import Process, close_streams, launch
from .plan import Plan
from .processes import reap_ended
from .slots import Slot, free_slots, furnish, is_clean

READ_BYTES = 64 * 1024
# The largest pipe of an unprivileged user; what is left in one after the end is not more.
LEFT_BYTES = 1024 * 1024
SLOT_PAUSE = 0.005


class CancelledError(Exception):
    """The client went away, or the daemon ends."""


@dataclass(frozen=True)
class Watch:
    """What may end a sample early. `is_over` looks; `descriptors` wake the one who waits."""

    descriptors: tuple[int, ...]
    is_over: Callable[[], bool]


@dataclass(frozen=True)
class Outcome:
    """How the program ended (`status` as of wait), after how many seconds, and what it said."""

    status: int
    timed_out: bool
    seconds: float
    stdout: bytes
    stderr: bytes
    output: Output


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


def take_slot(ground: Ground, watch: Watch) -> tuple[Slot, int]:
    """A clean slot and the descriptor that holds it; waits while all are busy."""
    broken: dict[int, str] = {}
    while True:
        for slot, lock in free_slots(tuple(s for s in ground.slots if s.index not in broken)):
            try:
                if not is_clean(slot):
                    clean(ground, slot, 0)
                return slot, lock
            except UncleanError as error:
                broken[slot.index] = str(error)
            os.close(lock)
        if len(broken) == len(ground.slots):
            raise UncleanError("; ".join(broken.values()))
        select.select(watch.descriptors, (), (), SLOT_PAUSE)
        if watch.is_over():
            raise CancelledError


def run_sample(
    plan: Plan, ground: Ground, workspace: str, fields: dict[str, Any], watch: Watch
) -> Outcome:
    """Runs the command on one input in the first free slot."""
    text = json.dumps(fields, allow_nan=False).encode()
    slot, lock = take_slot(ground, watch)
    try:
        return _run_in(plan, ground, slot, workspace, text, watch)
    finally:
        os.close(lock)


def _run_in(
    plan: Plan, ground: Ground, slot: Slot, workspace: str, text: bytes, watch: Watch
) -> Outcome:
    try:
        furnish(slot, text)
        process = launch(plan, slot, workspace)
    except BaseException:
        clean(ground, slot, 0)
        raise
    run = _Run(process, plan.limits.stderr_bytes, plan.sample_timeout)
    try:
        try:
            run.follow(watch)
        finally:
            output = clean(ground, slot, plan.limits.output_bytes)
        return run.outcome(output)
    finally:
        close_streams(process)


class _Run:
    """The time between a program's start and its end."""

    def __init__(self, process: Process, tail_bytes: int, timeout: float) -> None:
        self.pid = process.pid
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.seconds = timeout
        self.timed_out = False
        self.status: int | None = None
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
        self.status = reap_ended().get(self.pid)
        if self.status is None:
            return False
        self.seconds = time.monotonic() - self.started
        return True

    def outcome(self, output: Output) -> Outcome:
        """The whole of it; the janitor has ended every process by now."""
        if self.status is None:
            self.status = os.waitpid(self.pid, 0)[1]
        reap_ended()
        stdout, stderr = (tail.finish() for tail in self.tails)
        return Outcome(
            status=self.status,
            timed_out=self.timed_out,
            seconds=self.seconds,
            stdout=stdout,
            stderr=stderr,
            output=output,
        )
