"""Doing what a boot decided: one action after another, and none that fails stops the others."""

from __future__ import annotations

import os

from . import profiles
from .places import profile_folder
from .plan import Plan
from .reconcile import (
    Action,
    CreateProfile,
    PlaceSlot,
    RecordCreated,
    RecordPort,
    RecordWish,
    RemoveStale,
    Skip,
)
from .slots import make_spec, place_slot
from .wish import BOOT, write_wish


def apply(plan: Plan, actions: list[Action]) -> tuple[list[PlaceSlot | Skip], list[str]]:
    """What became of each profile, for the log, and what went wrong beside, in words."""
    done: list[PlaceSlot | Skip] = []
    failed: list[str] = []
    for action in actions:
        try:
            perform(plan, action)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            failed.append(f"{describe(action)}: {reason}")
            if isinstance(action, PlaceSlot):
                failure = "cannot-be-placed"
                done.append(Skip(action.name, failure, action.prior, action.last_exit))
            continue
        if isinstance(action, (PlaceSlot, Skip)):
            done.append(action)
    return done, failed


def perform(plan: Plan, action: Action) -> None:
    """One action's effect. The scandir was emptied before; a Skip has none."""
    if isinstance(action, CreateProfile):
        profiles.make_profile(plan, action.name)
    elif isinstance(action, RecordCreated):
        profiles.write_created(plan, action.names)
    elif isinstance(action, RemoveStale):
        os.unlink(f"{profile_folder(plan, action.name)}/{action.file}")
    elif isinstance(action, RecordWish):
        folder = profile_folder(plan, action.name)
        profiles.make_own_folder(folder)
        write_wish(folder, action.wanted, BOOT, durable=False)
    elif isinstance(action, RecordPort):
        folder = profile_folder(plan, action.name)
        profiles.make_own_folder(folder)
        profiles.write_port(folder, action.port, durable=False)
    elif isinstance(action, PlaceSlot):
        place_slot(plan, make_spec(plan, action.name, action.port), wanted=action.wanted)


def describe(action: Action) -> str:
    """The action in a few words."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in type(action).__name__).strip()
    name = getattr(action, "name", "")
    return f"{words} {name}".strip()
