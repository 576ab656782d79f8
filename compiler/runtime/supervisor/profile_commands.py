"""Making, deleting and listing profiles."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any

from . import profiles, s6
from .errors import CommandError, NotSupervisedHere, ProfileExists, UnknownProfile
from .gateway import await_stopped, begin_stop
from .home_lock import is_held
from .manager import (
    check_name,
    commands_lock,
    ensure_slot,
    find_manager,
    give_port,
    need_profile,
)
from .names import ROOT_PROFILE
from .places import DELETED, PROFILES, TRASH, own_file, profile_folder
from .plan import Plan
from .slots import Stuck, let_go
from .wish import write_wish


@dataclass(frozen=True)
class Created:
    """A new profile; `registered` is False where no supervisor runs."""

    name: str
    port: int
    registered: bool


def create_profile(plan: Plan, name: str, *, start: bool) -> Created:
    """Folder, marker, port, and a slot that is down. `start` is recorded where none can be had."""
    check_name(name)
    if name == ROOT_PROFILE:
        raise ProfileExists(f"{ROOT_PROFILE} is the home itself, which is always there")
    supervised = not find_manager(plan).reason
    with commands_lock(plan):
        problem = profiles.find_problem(plan, name)
        if not problem:
            raise ProfileExists(f"there is a profile {name} already")
        if problem not in ("missing", "no-marker", "deleted"):
            raise CommandError(f"{profile_folder(plan, name)} is in the way: {problem}")
        profiles.make_profile(plan, name)
        port = give_port(plan, name)
        write_wish(profile_folder(plan, name), start and not supervised, "profile create")
        if supervised:
            ensure_slot(plan, name)
    return Created(name, port, supervised)


def delete_profile(plan: Plan, name: str, *, keep_data: bool) -> None:
    """Stops and unregisters it, and removes its folder, or marks that as deleted."""
    if name == ROOT_PROFILE:
        raise CommandError(
            f"{ROOT_PROFILE} is the home itself and cannot be deleted",
            "`mooring gateway stop` stops its gateway",
        )
    need_profile(plan, name)
    manager = find_manager(plan)
    supervised = not manager.reason
    if not supervised and is_held(plan.home):
        # Its gateway may run elsewhere, in the folder that would go.
        raise NotSupervisedHere(f"not supervised here: {manager.reason}", manager.hint)
    if supervised:
        problem = begin_stop(plan, name)
        await_stopped(plan, name)
        if problem is not None and keep_data:
            raise problem
    with commands_lock(plan):
        if supervised:
            _unregister(plan, name)
        _remove_data(plan, name, keep_data)


def _unregister(plan: Plan, name: str) -> None:
    try:
        let_go(plan, name)
    except (Stuck, s6.NotSupervised) as error:
        raise CommandError(f"{name}: {error}") from error


def _remove_data(plan: Plan, name: str, keep_data: bool) -> None:
    folder = profile_folder(plan, name)
    if keep_data:
        with open(own_file(folder, DELETED), "wb"):
            return
    # Out of sight in one step: a removal that is interrupted leaves no half of a profile.
    trash = f"{plan.home}/{PROFILES}/{TRASH}{name}-{os.getpid()}"
    try:
        os.rename(folder, trash)
    except FileNotFoundError as error:
        raise UnknownProfile(f"there is no profile {name}") from error
    shutil.rmtree(trash, ignore_errors=True)
    if os.path.lexists(trash):
        hint = f"remove {trash} as root"
        raise CommandError(f"{name}: deleted, but some of its files could not be removed", hint)


def list_all(plan: Plan) -> list[dict[str, Any]]:
    """Each profile with its port and whether it is wanted."""
    return [_row(plan, name) for name in profiles.list_profiles(plan)]


def _row(plan: Plan, name: str) -> dict[str, Any]:
    seen = profiles.look_at(plan, name)
    port: int | None = seen.port
    return {"profile": name, "port": port, "wanted": seen.wish.wanted}
