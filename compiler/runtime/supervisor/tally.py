"""A gateway's deaths since its last start by hand, and what follows from one more.

They stand in a file of a fixed size that is made with the slot and overwritten in place: on a full
disk, too, a gateway that dies is counted. Imports little: it is part of what s6 runs at each start.
"""

from __future__ import annotations

import os
import time

FILE = "data/tally"
# Seconds to wait before the next start; process group of the last start; when it was let go.
HEAD = ("delay", "group", "started")
# Times of the latest deaths, oldest first; as many as a policy may ask for.
DEATHS = 32
WIDTH = 24
SIZE = WIDTH * (len(HEAD) + DEATHS)

# EX_CONFIG of sysexits.h: no retry can help.
FATAL_CODE = 78
# What s6-supervise takes as "do not start it again until somebody asks".
PERMANENT_FAILURE = 125
# A gateway that lived longer than so many windows starts again at once.
MEMORY_WINDOWS = 10

STOPPED, RESTARTED, RETRY, GAVE_UP = "stopped", "restarted", "crashed", "gave-up"


def now() -> float:
    """Seconds since the machine was started, sleep included: what deaths are dated with."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Tally:
    """The file's content."""

    def __init__(self, delay: float = 0, group: int = 0, started: float = 0) -> None:
        self.delay = delay
        self.group = group
        self.started = started
        self.deaths: list[float] = []

    @property
    def waiting(self) -> bool:
        """Between a death and the next try."""
        return self.delay > 0 and not self.started

    def encode(self) -> bytes:
        """As many bytes as ever."""
        numbers = [self.delay, float(self.group), self.started, *self.deaths[-DEATHS:]]
        return b"".join(b"%-*.6f\n" % (WIDTH - 1, number) for number in numbers).ljust(SIZE)


def decode_tally(content: bytes) -> Tally:
    """What is damaged counts as nothing."""
    try:
        numbers = [float(word) for word in content.split()]
        tally = Tally(numbers[0], int(numbers[1]), numbers[2])
    except (ValueError, IndexError, OverflowError):
        return Tally()
    tally.deaths = numbers[len(HEAD) :]
    return tally


def read_tally(slot: str) -> Tally:
    """The tally of the slot in that folder; an empty one when there is none."""
    try:
        file = os.open(f"{slot}/{FILE}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return Tally()
    try:
        return decode_tally(os.read(file, SIZE))
    finally:
        os.close(file)


def write_tally(slot: str, tally: Tally) -> None:
    """In place: it needs no room that it does not have already."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(f"{slot}/{FILE}", flags, 0o644)
    try:
        os.pwrite(file, tally.encode(), 0)
    finally:
        os.close(file)


def judge_death(code: int | None, wanted: bool, restarting: bool, recent: int, allowed: int) -> str:
    """What a death means: STOPPED, RESTARTED, RETRY or GAVE_UP.

    `code` is None when a signal was the cause; `recent` counts this death, too, within the window.
    """
    if not wanted:
        return STOPPED
    if restarting:
        return RESTARTED
    if code == FATAL_CODE or recent >= allowed:
        return GAVE_UP
    return RETRY


def count_recent(deaths: list[float], at: float, window: float) -> int:
    """How many deaths lie within the last `window` seconds."""
    return sum(1 for each in deaths if at - window <= each <= at)


def back_off(deaths: list[float], at: float, window: float, longest: float) -> float:
    """Seconds to wait after the latest death: 1, 2, 4 ... by how many there were lately."""
    lately = count_recent(deaths, at, window * MEMORY_WINDOWS)
    return min(longest, float(2 ** min(max(lately - 1, 0), 30)))
