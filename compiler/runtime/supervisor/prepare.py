"""The folders that a tree needs: what root does of it, and what the service's user does."""

from __future__ import annotations

import os
import shutil
import stat
import time

from .ownership import Mended, Owner, mend_tree
from .places import OWN, PROFILES
from .plan import Plan
from .slots import SCRIPTS

# Without a script of ours s6-svscan would end the services and wait for every holder of a log.
STOP_SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT")


class CannotBoot(Exception):
    """There is no way to go on; one line for a person."""


def prepare_as_root(plan: Plan, owner: Owner) -> Mended:
    """Scandir and home are there and the user's; nothing in them is run or read."""
    try:
        _make_scandir(plan.scandir, owner)
        os.makedirs(plan.home, exist_ok=True)
    except OSError as error:
        raise CannotBoot(_explain(error, plan)) from error
    return mend_tree(plan.home, owner)


def _make_scandir(path: str, owner: Owner) -> None:
    """Nothing is removed from it here: that is for its owner, who can do no harm by it."""
    if os.path.islink(path) or (os.path.lexists(path) and not os.path.isdir(path)):
        os.unlink(path)
    os.makedirs(path, exist_ok=True)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Without CAP_FOWNER only its owner may change a mode.
        os.fchown(folder, os.geteuid(), -1)
        os.fchmod(folder, 0o755)
        os.fchown(folder, owner.uid, owner.gid)
    finally:
        os.close(folder)


def _empty(path: str) -> None:
    """Without a tmpfs the scandir survives a restart, and s6-svscan would run what stands in it.

    What cannot be removed, a folder of root's, gets a name that s6-svscan does not look at.
    """
    for index, name in enumerate(os.listdir(path)):
        inner = f"{path}/{name}"
        if not stat.S_ISDIR(os.lstat(inner).st_mode):
            os.unlink(inner)
            continue
        shutil.rmtree(inner, ignore_errors=True)
        if os.path.lexists(inner):
            os.rename(inner, f"{path}/.left-{index}-{time.time_ns()}")


def prepare(plan: Plan) -> list[str]:
    """As the service's user: an empty scandir with s6-svscan's scripts, and the home's folders.

    Returns what could not be had and can be done without, in words.
    """
    try:
        os.makedirs(plan.scandir, exist_ok=True)
        _empty(plan.scandir)
        os.mkdir(f"{plan.scandir}/{OWN}")
        os.mkdir(f"{plan.scandir}/.s6-svscan")
        _link_scripts(f"{plan.scandir}/.s6-svscan")
        os.makedirs(f"{plan.home}/{OWN}", exist_ok=True)
    except OSError as error:
        raise CannotBoot(_explain(error, plan)) from error
    wanted = (f"{plan.home}/{folder}" for folder in (PROFILES, "logs/gateways"))
    return [problem for problem in map(_try_to_make, wanted) if problem]


def _try_to_make(folder: str) -> str:
    """What is wrong with it; empty when it is there."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return ""


def _link_scripts(folder: str) -> None:
    for name in ("finish", "crash"):
        os.symlink(f"{SCRIPTS}/svscan-{name}", f"{folder}/{name}")
    for name in STOP_SIGNALS:
        os.symlink(f"{SCRIPTS}/svscan-signal", f"{folder}/{name}")


def _explain(error: OSError, plan: Plan) -> str:
    path = str(error.filename or plan.scandir)
    if path.startswith(plan.home):
        help_ = f"the volume at {plan.home} must be writable for user id {os.getuid()}"
    else:
        help_ = f"mount a tmpfs at {os.path.dirname(plan.scandir)}"
    return f"{path}: {error.strerror}; {help_}"
