"""One sample, from taking a slot to leaving it clean."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import dataclass
from typing import Any

from .janitor import Ground, Janitor, UncleanError, clean
from .launch import launch
from .output import Output
from .plan import Plan
from .run import End, Run, Watch
from .slots import Slot, free_slots, furnish, is_clean

SLOT_PAUSE = 0.005


@dataclass(frozen=True)
class Outcome:
    """How the program ended, and what stood in its output file."""

    end: End
    output: Output


def take_slot(ground: Ground, watch: Watch) -> tuple[Slot, int]:
    """A clean slot and the descriptor that holds it; waits while all are busy."""
    broken: dict[str, str] = {}
    while True:
        for slot, lock in free_slots(tuple(s for s in ground.slots if s.name not in broken)):
            try:
                if not is_clean(slot):
                    clean(ground, slot, 0)
                return slot, lock
            except UncleanError as error:
                broken[slot.name] = str(error)
            os.close(lock)
        if len(broken) == len(ground.slots):
            raise UncleanError("; ".join(broken.values()))
        watch.pause(SLOT_PAUSE)


def run_sample(
    plan: Plan, ground: Ground, workspace: str, fields: dict[str, Any], watch: Watch
) -> Outcome:
    """Runs the command on one input in the first free slot."""
    text = json.dumps(fields, allow_nan=False).encode()
    slot, lock = take_slot(ground, watch)
    try:
        return _run_in(plan, ground, slot, workspace, text, watch)
    finally:
        os.close(lock)


def hold_session(
    plan: Plan, ground: Ground, workspace: str, channel: socket.socket, watch: Watch
) -> Outcome:
    """Runs the process of a candidate's agent in the first free slot, until it ends or `watch` is
    over; it speaks on `channel`, whose other end then sees the end at once.
    """
    slot, lock = take_slot(ground, watch)
    try:
        return _run_in(plan, ground, slot, workspace, b"null", watch, channel)
    finally:
        os.close(lock)


def _run_in(
    plan: Plan,
    ground: Ground,
    slot: Slot,
    workspace: str,
    text: bytes,
    watch: Watch,
    channel: socket.socket | None = None,
) -> Outcome:
    janitor = Janitor(ground, slot)
    try:
        furnish(slot, text)
        descriptor = None if channel is None else channel.fileno()
        process = launch(plan, slot, plan.command, workspace, descriptor)
    except BaseException:
        clean(ground, slot, None, janitor)
        raise
    run = Run(process, plan.limits.stderr_bytes, plan.sample_timeout)
    try:
        run.follow(watch)
    finally:
        _hang_up(channel)
        try:
            output = clean(ground, slot, plan.limits.output_bytes, janitor)
        finally:
            end = run.finish()
    return Outcome(end, output)


def _hang_up(channel: socket.socket | None) -> None:
    # The janitor and the candidate's processes may still hold the descriptor open.
    if channel is not None:
        with contextlib.suppress(OSError):
            channel.shutdown(socket.SHUT_RDWR)
