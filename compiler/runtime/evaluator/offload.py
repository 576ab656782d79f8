"""Blocking work off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Lane:
    """A few threads of their own for one kind of work, so that no kind waits behind another."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def __call__(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Result of `work`. Cancelling the caller does not stop work that has begun."""
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, partial(work, *args, **kwargs)
        )

    def close(self) -> None:
        """Waits for what has begun, drops what has not."""
        self._pool.shutdown(wait=True, cancel_futures=True)
