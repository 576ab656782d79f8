"""Waiting for a change without asking again and again."""

from __future__ import annotations

import asyncio
import contextlib

MOST_WAITING = 256


class News:
    """One word to everybody who waits: something has changed. Lives in one event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._waiting = 0
        self._closed = False

    def tell(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    def close(self) -> None:
        """Nobody waits any more."""
        self._closed = True
        self.tell()

    def ticket(self) -> asyncio.Event:
        """Taken before looking, so that a change between looking and waiting is not missed."""
        return self._event

    async def wait(self, ticket: asyncio.Event, seconds: float) -> bool:
        """Returns at the next change after the ticket, or after some seconds.

        False when there is no room for one more who waits, or no point in it.
        """
        if self._closed or self._waiting >= MOST_WAITING or seconds <= 0:
            return False
        self._waiting += 1
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await ticket.wait()
        finally:
            self._waiting -= 1
        return not self._closed
