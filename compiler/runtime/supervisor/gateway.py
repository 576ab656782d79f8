"""Starting, stopping and restarting a gateway: the wish is recorded, s6 told, and waited for."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import Callable

from . import profiles, s6
from .errors import CommandError, GaveUp, TookTooLong
from .logs import tail_log
from .manager import commands_lock, ensure_slot
from .pace import pause_after
from .places import profile_folder, slot_folder
from .plan import Plan
from .profile_lock import end_gateway
from .slot_finish import RESTART_MARK
from .slots import wait_for
from .status import Status
from .tally import Tally, read_tally, write_tally
from .wish import write_wish

# Beyond what a gateway may take to stop: s6's own SIGKILL, and `finish`.
STOP_MARGIN_SECONDS = 15.0
# The logger is a process of its own: what it was given last may take a moment.
LOG_SECONDS = 0.5
LOG_LINES = 10


@dataclass(frozen=True)
class Begun:
    """What was there when s6 was told. `pid` is that of a gateway that must be gone, else 0."""

    name: str
    stamp: bytes
    pid: int
    told_at: float


def begin_start(plan: Plan, name: str) -> Begun:
    """Records the wish and has s6 start it; one that was given up gets all its tries again."""
    with commands_lock(plan):
        slot = ensure_slot(plan, name)
        _record(plan, name, True, "gateway start")
        before = s6.read_status(slot)
        if before.up and before.wanted and not before.ready and read_tally(slot).waiting:
            # It waits out its back-off, and the operator does not want to.
            return _replace(slot, name, before)
        if not before.up:
            _forget_deaths(slot)
        s6.command(slot, "U")
        # One that is on its way down is not the one that is asked for.
        gone = 0 if before.wanted else before.pid
        return Begun(name, before.stamp, gone, time.monotonic())


def begin_restart(plan: Plan, name: str) -> Begun:
    """As one command to s6, which is carried out even if its sender dies with the gateway."""
    slot = slot_folder(plan, name)
    if not os.path.isdir(slot) or not s6.read_status(slot).up:
        return begin_start(plan, name)
    with commands_lock(plan):
        _record(plan, name, True, "gateway restart")
        return _replace(slot, name, s6.read_status(slot))


def _replace(slot: str, name: str, before: Status) -> Begun:
    _forget_deaths(slot)
    # Tells `finish` that this death was asked for.
    with contextlib.suppress(OSError), open(f"{slot}/{RESTART_MARK}", "wb"):
        pass
    s6.command(slot, "Ur")
    return Begun(name, before.stamp, before.pid, time.monotonic())


def _forget_deaths(slot: str) -> None:
    tally = read_tally(slot)
    fresh = Tally(0.0, tally.group, tally.started)
    with contextlib.suppress(OSError):
        write_tally(slot, fresh)


def _record(plan: Plan, name: str, wanted: bool, by: str) -> None:
    folder = profile_folder(plan, name)
    try:
        profiles.make_own_folder(folder)
        write_wish(folder, wanted, by)
    except OSError as error:
        raise CommandError(f"{name}: the wish cannot be recorded: {error.strerror}") from error


def await_ready(plan: Plan, begun: Begun, seconds: float, tell: Callable[[str], None]) -> Status:
    """Waits until the gateway is ready. GaveUp or TookTooLong when it is not; `tell` hears of
    deaths on the way.
    """
    slot = slot_folder(plan, begun.name)
    since = time.monotonic()
    told, killed = begun.stamp, False
    while True:
        status = _status_or_none(slot)
        if status is not None:
            if status.ready and status.pid != begun.pid:
                return status
            if status.resting and not status.wanted and status.stamp != begun.stamp:
                raise gave_up(plan, begun.name, status)
            if not status.up and status.wanted and status.stamp != told and not begun.pid:
                told = status.stamp
                tell(f"{begun.name}: {describe_end(status)}, trying again")
            if begun.pid == status.pid and not killed and _is_due(plan, begun):
                # s6 has a deadline for stopping, and none for restarting.
                s6.command(slot, "k")
                killed = True
        waited = time.monotonic() - since
        if waited >= seconds:
            raise _too_long(plan, begun.name, seconds)
        time.sleep(pause_after(waited))


def _is_due(plan: Plan, begun: Begun) -> bool:
    return begun.pid != 0 and time.monotonic() - begun.told_at > plan.stop_timeout


def _status_or_none(slot: str) -> Status | None:
    """A supervisor that was killed is back within a second; a slot that is gone stays so."""
    try:
        return s6.read_status(slot)
    except s6.NotSupervised:
        if not os.path.isdir(slot):
            raise
        return None


def gave_up(plan: Plan, name: str, status: Status) -> GaveUp:
    """What to say of a gateway that ended for good."""
    lines = tail_log(plan, name, LOG_LINES, settled=LOG_SECONDS)
    hint = "\n".join(["the last lines of its log:", *(f"  {line}" for line in lines)])
    return GaveUp(
        f"{name}: gave up: {describe_end(status)}",
        hint if lines else f"`mooring gateway logs -p {name}` shows its log",
        profile=name, exit_code=status.code, signal=status.signal, log=lines,
    )  # fmt: skip


def describe_end(status: Status) -> str:
    """How it ended, in words."""
    return f"ended by signal {status.signal}" if status.signal else f"exit code {status.code}"


def _too_long(plan: Plan, name: str, seconds: float) -> TookTooLong:
    last = profiles.read_last_exit(profile_folder(plan, name))
    since = f"; it last ended with {last}" if last.verdict else ""
    hint = f"it is still tried: `mooring gateway status -p {name}`"
    return TookTooLong(f"{name}: not ready after {seconds:g} s{since}", hint, profile=name)


def begin_stop(plan: Plan, name: str) -> CommandError | None:
    """Has s6 stop it, and records the wish. Returns what is wrong when only the latter failed:
    a full disk must not keep anybody from stopping what fills it.
    """
    with commands_lock(plan):
        problem = None
        try:
            _record(plan, name, False, "gateway stop")
        except CommandError as error:
            hint = "it is stopped now, and will be started by the next boot"
            problem = CommandError(error.message, hint)
        slot = slot_folder(plan, name)
        if os.path.isdir(slot):
            s6.command(slot, "D")
        return problem


def await_stopped(plan: Plan, name: str) -> None:
    """Waits until nothing of the gateway runs, one that nobody supervises included."""
    slot = slot_folder(plan, name)
    seconds = plan.stop_timeout + STOP_MARGIN_SECONDS
    if os.path.isdir(slot) and not wait_for(lambda: _is_resting(slot), seconds):
        raise TookTooLong(f"{name}: still running after {seconds:g} s", profile=name)
    end_gateway(profile_folder(plan, name), plan.stop_timeout)


def _is_resting(slot: str) -> bool:
    status = _status_or_none(slot)
    return status is not None and status.resting and not status.wanted
