"""Desired state: whether a gateway is wanted. Only commands and a first boot write it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from .files import Unusable, encode_object, read_object, write_whole
from .places import LEGACY_STATE, own_file

FILE = "desired.json"
RUNNING, STOPPED = "running", "stopped"
# Who wrote a state that no command ever confirmed.
BOOT = "boot"
# States of the older format in which its gateway was up when the container ended.
LEGACY_RUNNING = frozenset({"running", "draining", "degraded"})


@dataclass(frozen=True)
class Wish:
    """What is on record. `prior` is a word for the log: the state, `none` or what is wrong."""

    wanted: bool
    prior: str
    # Whether a file of ours is there, usable or not; and whether an operator's command wrote it.
    recorded: bool
    by_command: bool


NO_WISH = Wish(wanted=False, prior="none", recorded=False, by_command=False)


def read_wish(folder: str) -> Wish:
    """The desired state of the profile in `folder`; what cannot be read is not wanted."""
    try:
        record = read_object(own_file(folder, FILE))
    except Unusable as error:
        return Wish(wanted=False, prior=str(error), recorded=True, by_command=False)
    if record is None:
        return _legacy_wish(folder)
    state = record.get("desired")
    if state not in (RUNNING, STOPPED):
        return Wish(wanted=False, prior="corrupt", recorded=True, by_command=False)
    by_command = record.get("by") != BOOT
    return Wish(wanted=state == RUNNING, prior=str(state), recorded=True, by_command=by_command)


def _legacy_wish(folder: str) -> Wish:
    try:
        record = read_object(f"{folder}/{LEGACY_STATE}")
    except Unusable as error:
        return Wish(wanted=False, prior=str(error), recorded=False, by_command=False)
    if record is None:
        return NO_WISH
    state = _legacy_state(record)
    if state is None:
        return Wish(wanted=False, prior="corrupt", recorded=False, by_command=False)
    wanted = state in LEGACY_RUNNING
    return Wish(wanted=wanted, prior=state, recorded=False, by_command=False)


def _legacy_state(record: dict[str, Any]) -> str | None:
    """Its last form had both: what was wanted, and what the gateway last was."""
    desired = record.get("desired_state")
    if desired in (RUNNING, STOPPED):
        return str(desired)
    state = record.get("gateway_state")
    if not isinstance(state, str) or not state.isidentifier():
        return None
    return state


def write_wish(folder: str, wanted: bool, by: str, *, durable: bool = True) -> None:
    """Puts the desired state on record; `by` names the command, or is BOOT."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    record = {"desired": RUNNING if wanted else STOPPED, "by": by, "at": at}
    write_whole(own_file(folder, FILE), encode_object(record), durable=durable)
