"""What s6 runs when a gateway has ended: ends what it left, counts the death, decides what follows.

Started with the slot as its working folder.
"""

from __future__ import annotations

import os
import time

from .slot_run import say
from .slot_spec import Spec, read_spec
from .status import read_status_file
from .tally import (
    DEATHS,
    GAVE_UP,
    PERMANENT_FAILURE,
    RETRY,
    Tally,
    back_off,
    count_recent,
    judge_death,
    now,
    read_tally,
    write_tally,
)

EXIT_RECORD = ".mooring/exit.json"
# A command that restarts the gateway leaves this in the slot.
RESTART_MARK = "data/restart"
# What s6 passes for the exit code when a signal was the cause.
KILLED = 256


def main(words: list[str]) -> int:
    """`slot-finish CODE SIGNAL SLOT-NAME [GROUP]`; answers what s6-supervise is to do."""
    code = int(words[1]) if int(words[1]) != KILLED else None
    number = int(words[2]) if code is None else None
    spec, tally = read_spec("."), read_tally(".")
    _end_group(words, tally)
    verdict = _decide(spec, tally, code)
    _record(spec, code, number, verdict)
    say(_tell(spec, tally, code, number, verdict))
    return PERMANENT_FAILURE if verdict == GAVE_UP else 0


def _end_group(words: list[str], tally: Tally) -> None:
    """What it started and left behind holds its port and its log. s6 before 2.13 names no group."""
    from .holders import end_group

    end_group(int(words[4]) if len(words) > 4 else tally.group)


def _decide(spec: Spec, tally: Tally, code: int | None) -> str:
    restarting = _take_mark()
    wanted = _is_wanted()
    at = now()
    if wanted and not restarting:
        tally.deaths = [*tally.deaths, at][-DEATHS:]
    recent = count_recent(tally.deaths, at, spec.window)
    verdict = judge_death(code, wanted, restarting, recent, spec.deaths)
    tally.delay = 0.0
    if verdict == RETRY:
        tally.delay = back_off(tally.deaths, at, spec.window, spec.max_backoff)
    _keep(tally)
    return verdict


def _keep(tally: Tally) -> None:
    try:
        write_tally(".", tally)
    except OSError:
        # It is made in full with the slot; without it, s6's own second between two starts remains.
        return


def _take_mark() -> bool:
    try:
        os.unlink(RESTART_MARK)
    except OSError:
        return False
    return True


def _is_wanted() -> bool:
    status = read_status_file(".")
    if status is not None:
        return status.wanted
    import subprocess

    answer = subprocess.run(
        ["s6-svstat", "-o", "wantedup", "."], capture_output=True, check=False, timeout=2
    )
    return answer.stdout.strip() != b"false"


def _record(spec: Spec, code: int | None, number: int | None, verdict: str) -> None:
    """For the status and the next boot; a full disk leaves the gateway without, and no worse."""
    path = f"{spec.folder}/{EXIT_RECORD}"
    fields = f'"code": {_json(code)}, "signal": {_json(number)}, "verdict": "{verdict}"'
    try:
        with open(f"{path}.new", "w", encoding="ascii") as file:
            file.write(f'{{{fields}, "at": {int(time.time())}}}\n')
        os.rename(f"{path}.new", path)
    except OSError:
        return


def _json(number: int | None) -> str:
    return "null" if number is None else str(number)


def _tell(spec: Spec, tally: Tally, code: int | None, number: int | None, verdict: str) -> str:
    how = f"exit code {code}" if code is not None else f"signal {number}"
    if verdict == RETRY:
        recent = count_recent(tally.deaths, now(), spec.window)
        return f"ended ({how}), death {recent} of {spec.deaths} within {spec.window:g} s"
    if verdict == GAVE_UP:
        return f"ended ({how}), given up until the next start or boot"
    return f"ended ({how}), {verdict}"
