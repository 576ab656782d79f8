"""Running what was emitted: a script in the foreground, or Harbor with an eye on its results."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from compiler.edge.world import WorldError

_LOOK_SECONDS: Final = 0.5


def run_script(script: Path, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """The script's exit code (128+n after a signal), its streams being ours.

    An interrupt or termination of ours is passed on, and the script is waited for: it has
    containers to take down.
    """
    environment = {**os.environ, **variables}
    try:
        process = subprocess.Popen(["/bin/sh", os.fspath(script), *arguments], env=environment)
    except OSError as error:
        raise WorldError(f"cannot run {script}: {error.strerror}") from error
    previous = signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
    try:
        code = _wait(process)
    finally:
        signal.signal(signal.SIGTERM, previous)
    return code if code >= 0 else 128 - code


def _wait(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The terminal has sent the interrupt to the script as well.
            continue


def run_watched(
    argv: Sequence[str], folder: Path, output: IO[bytes], look: Callable[[], None]
) -> int:
    """The exit code of a program (128+n where signal n came for us) that is started in ``folder``
    and writes to ``output``; ``look`` is called now and then, and once at its end.

    It is in a session of its own, so that what it started does not get the terminal's interrupt:
    it is told of ours, once for each, and waited for, as it has containers to take down.
    """
    try:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise WorldError(f"cannot run {argv[0]}: {error.strerror}") from error
    with _passed_on(process) as came:
        while True:
            try:
                code = process.wait(timeout=_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                look()
    look()
    if came:
        return 128 + came[0]
    return code if code >= 0 else 128 - code


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """The signals that came meanwhile, in order; each is passed on."""
    came: list[int] = []

    def pass_on(number: int, _: object) -> None:
        came.append(number)
        # Harbor ends its trials on these two alone.
        process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    previous = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
