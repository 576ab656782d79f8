"""What a home holds: its profiles, as the boot and the commands find them."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import dataclass
from typing import Any

from .files import Unusable, encode_object, read_object, read_small, write_whole
from .names import ROOT_PROFILE, is_profile_name
from .places import DELETED, OWN, PROFILES, STALE, TRASH, own_file, profile_folder
from .plan import Plan
from .wish import NO_WISH, Wish, read_wish

PORT = "port"
EXIT_RECORD = "exit.json"
# In the home: the declared profiles that were created, so that a deleted one stays deleted.
CREATED = "created.json"


@dataclass(frozen=True)
class LastExit:
    """How a gateway last ended; `verdict` is one of tally.py's, or empty when it never did."""

    code: int | None = None
    signal: int | None = None
    verdict: str = ""

    def __str__(self) -> str:
        if self.verdict != "crashed":
            return self.verdict or "none"
        return f"exit:{self.code}" if self.code is not None else f"signal:{self.signal}"


@dataclass(frozen=True)
class Seen:
    """A folder where a profile may be. `problem` is why it is none; a word for the log."""

    name: str
    problem: str = ""
    wish: Wish = NO_WISH
    port: int | None = None
    stale: tuple[str, ...] = ()
    last_exit: LastExit = LastExit()


def look_at_home(plan: Plan) -> list[Seen]:
    """The root profile, and everything below profiles/ that is or looks like one, sorted."""
    return [look_at(plan, ROOT_PROFILE), *(_entry(plan, name) for name in list_entries(plan))]


def list_entries(plan: Plan) -> list[str]:
    """Names below profiles/ that are not hidden, sorted."""
    try:
        names = os.listdir(f"{plan.home}/{PROFILES}")
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith("."))


def _entry(plan: Plan, name: str) -> Seen:
    try:
        problem = find_problem(plan, name)
        return Seen(name=name, problem=problem) if problem else look_at(plan, name)
    except OSError:
        return Seen(name=name, problem="unreadable")


def find_problem(plan: Plan, name: str) -> str:
    """Why that entry below profiles/ is no profile; empty when it is one."""
    path = f"{plan.home}/{PROFILES}/{name}"
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return "missing"
    if name == ROOT_PROFILE:
        return "reserved-name"
    if not is_profile_name(name):
        return "bad-name"
    if stat.S_ISLNK(mode):
        return "symlink"
    if not stat.S_ISDIR(mode):
        return "no-folder"
    if os.path.lexists(own_file(path, DELETED)):
        return "deleted"
    return "" if os.path.isfile(f"{path}/{plan.marker}") else "no-marker"


def look_at(plan: Plan, name: str) -> Seen:
    """A profile that is there."""
    folder = profile_folder(plan, name)
    return Seen(
        name=name,
        wish=read_wish(folder),
        port=read_port(folder),
        stale=tuple(each for each in STALE if os.path.lexists(f"{folder}/{each}")),
        last_exit=read_last_exit(folder),
    )


def exists(plan: Plan, name: str) -> bool:
    """Whether there is a profile of that name."""
    return name == ROOT_PROFILE or not find_problem(plan, name)


def list_profiles(plan: Plan) -> list[str]:
    """The names of all profiles, the root profile first."""
    return [ROOT_PROFILE, *(name for name in list_entries(plan) if not find_problem(plan, name))]


def read_port(folder: str) -> int | None:
    """The port on record; None when there is none that can be read."""
    try:
        content = read_small(own_file(folder, PORT))
    except Unusable:
        return None
    word = (content or b"").strip()
    return int(word) if word.isdigit() and len(word) <= 5 else None


def write_port(folder: str, port: int, *, durable: bool = True) -> None:
    """Puts the profile's port on record."""
    write_whole(own_file(folder, PORT), f"{port}\n".encode(), durable=durable)


def read_last_exit(folder: str) -> LastExit:
    """What the end of the gateway left on record."""
    try:
        record = read_object(own_file(folder, EXIT_RECORD)) or {}
    except Unusable:
        return LastExit()
    verdict = record.get("verdict")
    if not isinstance(verdict, str) or not verdict.replace("-", "").isalpha():
        return LastExit()
    return LastExit(_whole(record.get("code")), _whole(record.get("signal")), verdict)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def sweep_trash(plan: Plan) -> None:
    """What a removal that was interrupted left below profiles/."""
    folder = f"{plan.home}/{PROFILES}"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(TRASH):
                shutil.rmtree(f"{folder}/{name}", ignore_errors=True)


def make_own_folder(folder: str) -> None:
    """The folder of our files in a profile or home."""
    os.makedirs(f"{folder}/{OWN}", exist_ok=True)


def make_profile(plan: Plan, name: str) -> None:
    """The folder and the marker of a new profile, or those of one that was deleted but kept."""
    folder = profile_folder(plan, name)
    make_own_folder(folder)
    marker = f"{folder}/{plan.marker}"
    if not os.path.isfile(marker):
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    if os.path.lexists(own_file(folder, DELETED)):
        os.unlink(own_file(folder, DELETED))


def read_created(plan: Plan) -> frozenset[str]:
    """The declared profiles that an earlier boot created."""
    try:
        record = read_object(own_file(plan.home, CREATED)) or {}
    except Unusable:
        # Rather a profile too few than one that somebody deleted.
        return frozenset(each.name for each in plan.profiles)
    names = record.get("profiles")
    return frozenset(name for name in names if isinstance(name, str)) if names else frozenset()


def write_created(plan: Plan, names: frozenset[str]) -> None:
    """Puts on record which declared profiles were created."""
    path = own_file(plan.home, CREATED)
    write_whole(path, encode_object({"profiles": sorted(names)}), durable=False)
