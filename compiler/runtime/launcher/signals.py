"""Interrupts: they end what can just be ended, and are queued where something has to be undone."""

from __future__ import annotations

import signal
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


@contextmanager
def queued(put: Callable[[int], None]) -> Iterator[None]:
    """While there is something to undo: a signal is handed to `put`, and interrupts nothing.

    `put` is called between two instructions of the main thread, and must not take a lock that
    the main thread could hold.
    """
    with _handling(lambda number, _: put(number)):
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
