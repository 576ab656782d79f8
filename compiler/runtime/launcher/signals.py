"""Interrupts: they end what can just be ended, and are queued where something has to be undone."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from .errors import Stopped

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def raising() -> Iterator[None]:
    """While nothing was made yet: a signal raises Stopped wherever the program is."""
    with _handling(_raise):
        yield


class Patience:
    """How long signals interrupt nothing: for ever, or, once `begin` was called, so many seconds.
    After these something hangs, and whoever sends a signal knows better."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._limit = math.inf

    def begin(self) -> None:
        """From now on."""
        self._limit = time.monotonic() + self._seconds

    @property
    def is_over(self) -> bool:
        """Whether the seconds have passed."""
        return time.monotonic() > self._limit


@contextmanager
def queued(put: Callable[[int], None], patience: Patience) -> Iterator[None]:
    """While there is something to undo: a signal is handed to `put`, and interrupts nothing.

    `put` is called between two instructions of the main thread, and must not take a lock that
    the main thread could hold.
    """

    def take(number: int, _: FrameType | None) -> None:
        if patience.is_over:
            raise Stopped(number)
        put(number)

    with _handling(take):
        yield


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """A signal that whoever started us ignores (nohup, a shell's background) stays ignored."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    kept = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in kept:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in kept.items():
            signal.signal(number, old)


def _raise(number: int, _: FrameType | None) -> NoReturn:
    raise Stopped(number)
