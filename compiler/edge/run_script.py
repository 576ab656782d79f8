"""Running an emitted script in the foreground."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from compiler.edge.world import WorldError


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
