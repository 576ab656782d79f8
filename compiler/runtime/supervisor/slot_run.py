"""What s6 runs to start a gateway: waits out the back-off, takes the profile, and becomes it.

Started with the slot as its working folder. The waiting is done here and not in `finish`: a `run`
that sleeps can be stopped at once.
"""

from __future__ import annotations

import os
import time

from .gateway_exec import Unable, become_gateway, take_profile
from .slot_spec import read_spec
from .tally import Tally, now, read_tally, write_tally

# The descriptor by which PID 1 holds the home; nothing but the tree itself may keep it.
HOME_LOCK_FD = 9


def main(words: list[str]) -> int:
    """`slot-run SLOT-NAME`; returns only when the gateway cannot be started."""
    os.dup2(1, 2)
    _close_inherited()
    try:
        spec = read_spec(".")
        _wait_for_turn()
        take_profile(spec)
        _note_start()
        become_gateway(spec, announce=True)
    except Unable as unable:
        say(str(unable))
        return unable.code
    except (OSError, ValueError) as error:
        say(f"{words[1]} cannot be started: {error}")
        return 1


def say(message: str) -> None:
    """A line of the gateway's log that is not the gateway's; the logger may be gone."""
    try:
        os.write(1, f"mooring: {message}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return


def _close_inherited() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    try:
        os.close(HOME_LOCK_FD)
    except OSError:
        return


def _wait_for_turn() -> None:
    tally = read_tally(".")
    # `finish` kills this group; a start of 0 is what tells waiting from starting.
    tally.group, tally.started = os.getpid(), 0.0
    _keep(tally)
    if tally.delay > 0:
        say(f"starts again in {tally.delay:g} s")
        time.sleep(tally.delay)


def _note_start() -> None:
    tally = read_tally(".")
    tally.started = now()
    _keep(tally)


def _keep(tally: Tally) -> None:
    try:
        write_tally(".", tally)
    except OSError as error:
        say(f"deaths cannot be counted: {error}")
