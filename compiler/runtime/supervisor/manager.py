"""Who manages the gateways where a command runs, and the way to their slots."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass

from . import profiles, s6
from .boot import HOME_STATE
from .errors import CommandError, InvalidName, NotSupervisedHere, UnknownProfile
from .names import MAX_NAME, assign_ports, is_profile_name
from .places import own_file, profile_folder, slot_folder
from .plan import Plan
from .slots import make_spec, place_slot, take_up

# In the home: whoever changes slots or wishes holds it meanwhile.
COMMANDS_LOCK = "commands.lock"
# What engines leave in a container.
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")

S6, DOCKER, NONE = "s6 (container supervisor)", "docker (foreground)", "none"


@dataclass(frozen=True)
class Manager:
    """`kind` is S6, DOCKER or NONE; `reason` is why commands cannot act here, else empty."""

    kind: str
    reason: str = ""
    hint: str = ""


def find_manager(plan: Plan) -> Manager:
    """What runs here, and whether it can be told anything."""
    try:
        if not s6.is_scanned(plan.scandir):
            return _without_tree()
    except s6.Foreign:
        return Manager(S6, "the supervisor belongs to another user", f"run it as {plan.user}")
    holder = _other_holder(plan)
    if holder is None:
        return Manager(S6)
    hint = "one container at a time supervises a home: use the other one, or end it"
    return Manager(S6, f"{plan.home} is supervised by {holder}", hint)


def _without_tree() -> Manager:
    reason = "no supervisor runs here"
    if any(os.path.exists(mark) for mark in CONTAINER_MARKS):
        hint = "start the container with its own entrypoint, mooring-boot"
        return Manager(DOCKER, reason, hint)
    return Manager(NONE, reason, "run it in the container: docker exec CONTAINER mooring ...")


def _other_holder(plan: Plan) -> str | None:
    try:
        with open(f"{plan.scandir}/{HOME_STATE}", encoding="utf-8") as file:
            return file.read() or None
    except OSError:
        return "nobody: its boot failed"


def need_tree(plan: Plan) -> None:
    """NotSupervisedHere, with what to do, unless commands can act here."""
    manager = find_manager(plan)
    if manager.reason:
        raise NotSupervisedHere(f"not supervised here: {manager.reason}", manager.hint)


def check_name(name: str) -> None:
    """InvalidName unless a profile may be called so."""
    if not is_profile_name(name):
        rule = f"a-z, 0-9, _ and -, a letter or digit first, at most {MAX_NAME}"
        raise InvalidName(f"{name!r} is no name of a profile", f"allowed: {rule}")


def need_profile(plan: Plan, name: str) -> None:
    """InvalidName or UnknownProfile unless there is one."""
    check_name(name)
    if not profiles.exists(plan, name):
        hint = f"`mooring profile create {name}` makes one; `mooring profile list` shows all"
        raise UnknownProfile(f"there is no profile {name}", hint)


@contextlib.contextmanager
def commands_lock(plan: Plan) -> Iterator[None]:
    """One command at a time changes slots and wishes."""
    path = own_file(plan.home, COMMANDS_LOCK)
    try:
        profiles.make_own_folder(plan.home)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(path, flags, 0o644)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def give_port(plan: Plan, name: str) -> int:
    """The profile's port: what is on record, or a free one, which is put there. Holds the lock."""
    names = {*profiles.list_profiles(plan), name}
    recorded = {each: profiles.read_port(profile_folder(plan, each)) for each in names}
    declared = {each.name: each.port for each in plan.profiles}
    port = assign_ports(declared, recorded, plan.ports)[name]
    if port is None:
        first, last = plan.ports
        raise CommandError(f"all ports from {first} to {last} are taken")
    if port != recorded[name]:
        folder = profile_folder(plan, name)
        profiles.make_own_folder(folder)
        profiles.write_port(folder, port)
    return port


def ensure_slot(plan: Plan, name: str) -> str:
    """The profile's slot, registered if it was not: it may be made by hand. Holds the lock."""
    slot = slot_folder(plan, name)
    if os.path.isdir(slot):
        return slot
    port = give_port(plan, name)
    profiles.make_own_folder(profile_folder(plan, name))
    place_slot(plan, make_spec(plan, name, port), wanted=False)
    take_up(plan, name)
    return slot
