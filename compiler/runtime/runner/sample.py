"""One sample, from taking a slot to leaving it clean."""

from __future__ import annotations

import json
import os
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


def _run_in(
    plan: Plan, ground: Ground, slot: Slot, workspace: str, text: bytes, watch: Watch
) -> Outcome:
    janitor = Janitor(ground, slot)
    try:
        furnish(slot, text)
        process = launch(plan, slot, plan.command, workspace)
    except BaseException:
        clean(ground, slot, None, janitor)
        raise
    run = Run(process, plan.limits.stderr_bytes, plan.sample_timeout)
    try:
        run.follow(watch)
    finally:
        try:
            output = clean(ground, slot, plan.limits.output_bytes, janitor)
        finally:
            end = run.finish()
    return Outcome(end, output)
