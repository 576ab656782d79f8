"""The harness in the foreground: its terminal, its signals, its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import termios
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

from .bring_up import Event, Signalled
from .engine import Engine, Process
from .errors import Stopped

# Seconds for the harness to end after a signal, as `docker stop` gives them.
GRACE = 10.0


def run_anvil(engine: Engine, argv: Sequence[str], events: SimpleQueue[Event | int]) -> int:
    """The exit code of the harness. Stopped once a signal asked for the end and the harness had
    its time to comply; what of it still runs then is the session's to remove."""
    settings = _terminal_settings()
    process = engine.attach(argv)
    threading.Thread(target=_report, args=(process, events), daemon=True).start()
    while True:
        event = events.get()
        if isinstance(event, int):
            return event if event >= 0 else 128 - event
        if isinstance(event, Signalled):
            _stop(process, event.number, settings)
            raise Stopped(event.number)


def _report(process: Process, events: SimpleQueue[Event | int]) -> None:
    events.put(process.wait())


def _stop(process: Process, number: int, settings: list[Any] | None) -> None:
    """A terminal's Ctrl-C has reached the client by itself; a second one would be one too many."""
    if not (number == signal.SIGINT and _is_foreground()):
        process.send_signal(number)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        if settings is not None:
            # The client had no time to give the terminal back as it was.
            termios.tcsetattr(0, termios.TCSADRAIN, settings)


def _terminal_settings() -> list[Any] | None:
    try:
        return termios.tcgetattr(0)
    except (termios.error, OSError):
        return None


def _is_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
