"""What ends a sample: kill everything of its user, read its output, remove what it left.

One forked child does all three with the rights of the sample's user, so that the daemon itself
never touches what candidate code made. The child's *effective* user is the sample's: it may signal
the sample's processes and remove its files. Its real and saved user is the slot's janitor, which
no candidate code has: so the sample can neither signal nor trace it, and no race with a process
that kills whatever it can is to be won or lost.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import time
from dataclasses import dataclass
from typing import Any

from . import frames, ipc
from .processes import end_processes
from .slots import Slot, clear
from .wipe import OPEN_FOLDER, Wipe

# Ample for every file that fits into the memory of a box; beyond it the slot is given up.
WIPE_SECONDS = 120.0
# How often foreign owners of left files are sent to take them away.
ROUNDS = 4


class UncleanError(Exception):
    """The slot cannot be used: something of the last sample may still be there."""


@dataclass(frozen=True)
class Output:
    """What stood in the sample's output file: `data` is empty unless `state` is `present`."""

    state: str
    data: bytes


@dataclass(frozen=True)
class Ground:
    """Where candidate code can leave something: all slots, and the folders that they share."""

    slots: tuple[Slot, ...]
    scratch: tuple[str, ...]


def clean(ground: Ground, slot: Slot, output_bytes: int) -> Output:
    """Ends the sample of a locked slot, returns its output, and leaves the slot clean."""
    output, foreign = _send(ground, slot, kill=True, output_bytes=output_bytes)
    for turn in range(ROUNDS):
        if not foreign:
            break
        for owner in _owners(ground, slot, foreign):
            # Who keeps filling another slot's folders forfeits its own sample.
            _send(ground, owner, kill=turn > 0, output_bytes=None, only_shared=True)
        _, foreign = _send(ground, slot, kill=True, output_bytes=None)
    if foreign:
        raise UncleanError(f"users {sorted(foreign)} hold files of slot {slot.index}")
    try:
        clear(slot)
    except OSError as error:
        raise UncleanError(f"slot {slot.index} cannot be cleared: {error}") from error
    return output


def _owners(ground: Ground, slot: Slot, uids: set[int]) -> list[Slot]:
    owners = [each for each in ground.slots if each.uid in uids and each != slot]
    if len(owners) != len(uids):
        raise UncleanError(f"slot {slot.index} holds files of the users {sorted(uids)}")
    return owners


def _send(
    ground: Ground,
    slot: Slot,
    *,
    kill: bool,
    output_bytes: int | None,
    only_shared: bool = False,
) -> tuple[Output, set[int]]:
    """Forks one janitor and waits for its report."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(receiver)
            _work(ground, slot, kill, output_bytes, only_shared, sender)
        finally:
            os._exit(0)
    os.close(sender)
    try:
        return _receive(receiver, slot)
    finally:
        os.close(receiver)
        _await(child)


def _await(child: int) -> None:
    """Sees the janitor off: at once when it reported, by force when it did not."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _receive(receiver: int, slot: Slot) -> tuple[Output, set[int]]:
    deadline = time.monotonic() + WIPE_SECONDS + 15
    poller = select.poll()
    poller.register(receiver, select.POLLIN)

    def read(size: int) -> bytes:
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise UncleanError(f"cleaning slot {slot.index} did not end")
        return os.read(receiver, size)

    try:
        header, body = frames.read_frame(read, frames.MAX_BODY)
    except frames.FrameError as error:
        raise UncleanError(f"cleaning slot {slot.index} broke off: {error}") from error
    if "problem" in header:
        raise UncleanError(f"slot {slot.index} cannot be cleaned: {header['problem']}")
    return Output(state=header["output"], data=body), set(header["foreign"])


def _work(
    ground: Ground,
    slot: Slot,
    kill: bool,
    output_bytes: int | None,
    only_shared: bool,
    sender: int,
) -> None:
    """The child's whole life; a report that stays away is a failure to the parent."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    report: dict[str, Any]
    output = Output(state="missing", data=b"")
    try:
        become(slot)
        deadline = time.monotonic() + WIPE_SECONDS
        if kill:
            end_processes(slot.uid, deadline)
        if output_bytes is not None:
            output = read_output(slot, output_bytes)
        foreign = _wipe(ground, slot, only_shared, deadline)
        report = {"output": output.state, "foreign": sorted(foreign)}
    except Exception as error:
        report = {"problem": f"{type(error).__name__}: {error}"}
    with os.fdopen(sender, "wb") as writer:
        writer.write(frames.encode_frame(report, output.data))


def become(slot: Slot) -> None:
    """Gives up root for good: effective rights of the sample's user, identity of the janitor."""
    os.setgroups([])
    os.setresgid(slot.uid, slot.uid, slot.uid)
    os.setresuid(slot.janitor, slot.uid, slot.janitor)
    if os.getresuid() != (slot.janitor, slot.uid, slot.janitor):
        os._exit(1)
    os.umask(0o077)


def read_output(slot: Slot, limit: int) -> Output:
    """The sample's answer, if it is a regular file of at most `limit` bytes."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        os.chmod(os.path.dirname(slot.output), 0o700)
        file = os.open(slot.output, flags)
    except FileNotFoundError:
        return Output(state="missing", data=b"")
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM):
            return Output(state="not_a_file", data=b"")
        raise
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            return Output(state="not_a_file", data=b"")
        if found.st_size > limit:
            return Output(state="too_large", data=b"")
        return Output(state="present", data=os.read(file, limit))
    finally:
        os.close(file)


def _wipe(ground: Ground, slot: Slot, only_shared: bool, deadline: float) -> set[int]:
    """Removes every file and kernel object of the user; returns other owners in its folders."""
    wipe = Wipe(deadline)
    for path in () if only_shared else slot.owned:
        _empty(wipe, path)
    for path in ground.scratch:
        try:
            folder = os.open(path, OPEN_FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            continue
        wipe.sweep(folder, slot.uid)
        os.close(folder)
    if not only_shared:
        ipc.remove_objects(slot.uid)
    return wipe.foreign


def _empty(wipe: Wipe, path: str) -> None:
    try:
        os.chmod(path, 0o700)
        folder = os.open(path, OPEN_FOLDER)
    except FileNotFoundError:
        return
    if not wipe.empty(folder):
        os.fchmod(folder, 0o777)
    os.close(folder)
