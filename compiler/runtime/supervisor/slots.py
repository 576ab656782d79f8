"""Slots: made whole under a name that s6-svscan does not look at, then renamed into place.

Nothing executable is made: what a slot runs are links to files of the image, and what differs
between slots is data.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import time
from collections.abc import Mapping
from typing import Callable

from . import s6
from .holders import end_holders
from .names import MAIN_SLOT, slot_name
from .pace import pause_after
from .places import log_folder, profile_folder, slot_folder
from .plan import Plan
from .shutdown import end_pipe_holders
from .slot_main import ARGV, FOLDER
from .slot_spec import FILE as SPEC_FILE
from .slot_spec import Spec, encode_spec
from .status import FILE as STATUS_FILE
from .tally import Tally, write_tally

SCRIPTS = f"{os.path.dirname(os.path.realpath(__file__))}/scripts"
PLACEHOLDER = re.compile(r"\{(profile|port|home)\}")
# Milliseconds that s6-supervise gives `finish`, which may start slowly on a busy machine.
FINISH_MILLISECONDS = 10000
# Seconds that s6 may take to take a slot up, and to let go of one.
TAKE_UP_SECONDS = 10.0
LET_GO_SECONDS = 5.0
KILLED_SECONDS = 5.0


class Stuck(Exception):
    """s6 does not do what it was told in the time that it may take."""


def make_spec(plan: Plan, name: str, port: int) -> Spec:
    """What the slot's scripts must know of this profile's gateway."""
    spec = Spec()
    spec.profile, spec.folder, spec.port = name, profile_folder(plan, name), port
    spec.readiness, spec.fd = plan.readiness.kind, plan.readiness.fd
    spec.stop_timeout = plan.stop_timeout
    spec.deaths, spec.window = plan.crash.deaths, plan.crash.window
    spec.max_backoff = plan.crash.max_backoff
    spec.argv = [os.fsencode(word) for word in fill_argv(plan, name, port)]
    own = {
        "MOORING_PROFILE": name,
        "MOORING_PROFILE_HOME": spec.folder,
        "MOORING_HOME": plan.home,
        "MOORING_GATEWAY_PORT": str(port),
    }
    _lay_over(spec, {**own_variables(plan), **own})
    _lay_over(spec, plan.env)
    declared = plan.declared(name)
    if declared is not None:
        _lay_over(spec, declared.env)
    return spec


def fill_argv(plan: Plan, name: str, port: int) -> list[str]:
    """The argv of that profile's gateway."""
    values = {"profile": name, "port": str(port), "home": profile_folder(plan, name)}
    return [fill_word(word, values) for word in plan.command]


def fill_word(word: str, values: dict[str, str]) -> str:
    """The word with its placeholders replaced, each once; other braces stay."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], word)


def own_variables(plan: Plan) -> dict[str, str]:
    """What tells a program who its user is; a user id without a name lives in the home."""
    try:
        user = pwd.getpwuid(os.getuid())
    except KeyError:
        return {"HOME": plan.home}
    return {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}


def _lay_over(spec: Spec, environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        key = name.encode()
        if value is None:
            spec.set.pop(key, None)
            spec.unset.append(key)
        else:
            spec.set[key] = os.fsencode(value)
            spec.unset = [each for each in spec.unset if each != key]


def place_slot(plan: Plan, spec: Spec, *, wanted: bool) -> str:
    """Puts the slot into the scandir, where s6-svscan finds it when it is told to look."""
    with contextlib.suppress(OSError):
        # Without it the logger says so, and writes to the container's own output alone.
        os.makedirs(log_folder(plan, spec.profile), exist_ok=True)
    slot = slot_folder(plan, spec.profile)
    _publish(plan, slot, lambda building: _fill_slot(plan, spec, building, wanted))
    return slot


def _publish(plan: Plan, slot: str, fill: Callable[[str], None]) -> None:
    building = f"{plan.scandir}/.new-{os.path.basename(slot)}-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    os.makedirs(f"{building}/data")
    try:
        fill(building)
        if os.path.lexists(slot):
            _remove(slot)
        os.rename(building, slot)
    except OSError:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _fill_slot(plan: Plan, spec: Spec, building: str, wanted: bool) -> None:
    os.makedirs(f"{building}/log/data")
    for link, script in (("run", "run"), ("finish", "finish"), ("log/run", "log-run")):
        os.symlink(f"{SCRIPTS}/{script}", f"{building}/{link}")
    os.symlink(log_folder(plan, spec.profile), f"{building}/log/data/folder")
    settings = {
        "notification-fd": spec.fd,
        "log/notification-fd": 3,
        "timeout-kill": round(spec.stop_timeout * 1000),
        "timeout-finish": FINISH_MILLISECONDS,
    }
    for name, value in settings.items():
        _write(f"{building}/{name}", f"{value}\n".encode())
    _write(f"{building}/{SPEC_FILE}", encode_spec(spec))
    write_tally(building, Tally())
    if not wanted:
        _write(f"{building}/down", b"")


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def place_main(plan: Plan, argv: list[str], folder: str) -> None:
    """The slot of the container's own command, to be run in `folder`."""

    def fill(building: str) -> None:
        os.symlink(f"{SCRIPTS}/main-run", f"{building}/run")
        os.symlink(f"{SCRIPTS}/main-finish", f"{building}/finish")
        _write(f"{building}/timeout-kill", f"{round(plan.stop_timeout * 1000)}\n".encode())
        _write(f"{building}/{ARGV}", b"".join(os.fsencode(word) + b"\0" for word in argv))
        _write(f"{building}/{FOLDER}", os.fsencode(folder))

    _publish(plan, f"{plan.scandir}/{MAIN_SLOT}", fill)


def take_up(plan: Plan, name: str) -> None:
    """Has s6-svscan find the slot, and waits until gateway and logger are supervised."""
    slot = slot_folder(plan, name)
    s6.rescan(plan.scandir, "a")
    if not wait_for(lambda: _is_taken_up(slot), TAKE_UP_SECONDS):
        raise Stuck(f"s6-svscan does not take up {slot}")


def _is_taken_up(slot: str) -> bool:
    """The status comes last: s6-supervise listens before it has one."""
    return all(
        s6.is_supervised(service) and os.path.exists(f"{service}/{STATUS_FILE}")
        for service in (slot, f"{slot}/log")
    )


def let_go(plan: Plan, name: str) -> bool:
    """Takes a slot that is down out of the tree, with its supervisors. False: there was none.

    The order matters: a slot that is pruned while its folder has its name leaves its supervisors.
    """
    slot = slot_folder(plan, name)
    gone = f"{plan.scandir}/.dead-{slot_name(name)}-{os.getpid()}"
    try:
        os.rename(slot, gone)
    except FileNotFoundError:
        return False
    s6.rescan(plan.scandir, "an")
    if not wait_for(lambda: not _is_held(gone), LET_GO_SECONDS):
        # What holds the log's pipe was a child of the gateway that is no more.
        end_pipe_holders([gone])
        if not wait_for(lambda: not _is_held(gone), LET_GO_SECONDS):
            raise Stuck(f"the supervisors of {slot} do not end")
    shutil.rmtree(gone)
    return True


def _is_held(slot: str) -> bool:
    return s6.is_supervised(slot) or s6.is_supervised(f"{slot}/log")


def free_log(folder: str) -> None:
    """Ends a logger whose supervisor was killed and that still holds the folder's lock."""
    try:
        found = os.stat(f"{folder}/lock")
    except OSError:
        return
    end_holders({(found.st_dev, found.st_ino)}, KILLED_SECONDS)


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Answers whether it came true in that time."""
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        if waited >= seconds:
            return condition()
        time.sleep(pause_after(waited))
    return True
