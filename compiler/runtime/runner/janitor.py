"""What ends a sample: kill everything of its user, read its output, remove what it left.

One forked child does all three with the rights of the sample's user, so that the daemon itself
never touches what candidate code made. The child's *effective* user is the sample's: it may signal
the sample's processes and remove its files. Its real and saved user is the slot's janitor, which
no candidate code has: so the sample can neither signal nor trace it, and no race with a process
that kills whatever it can is to be won or lost. It is forked before the sample's program starts,
and waits as root: no sample can use up what it needs, and its start costs no time afterwards.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from dataclasses import asdict, dataclass
from typing import Any

from . import frames, ipc
from .output import Output, read_output
from .processes import end_child, end_processes, keep_status, kill_reachable
from .seal import Bounds, UnsealableError, open_tree
from .slots import Slot, clear
from .wipe import OPEN_FOLDER, Wipe

# Ample for every file that fits into the memory of a box; beyond it the slot is given up.
WIPE_SECONDS = 120.0
# How often foreign owners of left files are sent to take them away.
ROUNDS = 4
# How long an owner whose sample still runs, and may put back what is removed, is waited for.
PEACEFUL_SECONDS = 2.0


class UncleanError(Exception):
    """The slot cannot be used: something of the last sample may still be there."""


@dataclass(frozen=True)
class Ground:
    """Where candidate code can leave something: all slots, and the folders that they share."""

    slots: tuple[Slot, ...]
    setup: Slot
    scratch: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """What a janitor does, in this order; the shared folders are always swept."""

    kill: bool = True
    # How long removing may take.
    seconds: float = WIPE_SECONDS
    # Most bytes of an output that is read; None: no output is looked at.
    output_bytes: int | None = None
    # Folders of the user that are emptied.
    empty: tuple[str, ...] = ()
    kernel_objects: bool = True
    # A tree of the user that is made readable for root: seal.py; with its bounds.
    tree: str | None = None
    bounds: Bounds | None = None


@dataclass(frozen=True)
class Report:
    """`foreign`: owners of files that lie in the user's folders; `refusal`: why no tree is to be
    sealed.
    """

    output: Output
    foreign: frozenset[int]
    refusal: str | None = None


def clean(
    ground: Ground, slot: Slot, output_bytes: int | None, janitor: Janitor | None = None
) -> Output:
    """Ends what runs in a locked slot, returns its output, and leaves the slot clean."""
    report = tidy(ground, slot, Order(output_bytes=output_bytes, empty=slot.owned), janitor)
    try:
        clear(slot)
    except OSError as error:
        raise UncleanError(f"{slot.name} cannot be cleared: {error}") from error
    return report.output


def tidy(ground: Ground, slot: Slot, order: Order, janitor: Janitor | None = None) -> Report:
    """Has the order carried out, with the help of those whose files are in the way."""
    report = first = _carry_out(ground, slot, order, janitor)
    again = Order(empty=order.empty)
    for turn in range(ROUNDS):
        if not report.foreign:
            return first
        for owner in _owners(ground, slot, report.foreign):
            _send(ground, owner, peaceful=turn == 0)
        report = Janitor(ground, slot).obey(again)
    if report.foreign:
        raise UncleanError(f"users {sorted(report.foreign)} hold files of {slot.name}")
    return first


def _send(ground: Ground, owner: Slot, peaceful: bool) -> None:
    """Has the owner take its files away. At first its sample may go on, and be in the way; who
    keeps filling another slot's folders forfeits its own sample.
    """
    if not peaceful:
        Janitor(ground, owner).obey(Order(kernel_objects=False))
        return
    order = Order(kill=False, seconds=PEACEFUL_SECONDS, kernel_objects=False)
    with contextlib.suppress(UncleanError):
        Janitor(ground, owner).obey(order)


def _carry_out(ground: Ground, slot: Slot, order: Order, janitor: Janitor | None) -> Report:
    if janitor is not None:
        try:
            return janitor.obey(order)
        except GoneError:
            # The kernel ends processes when memory runs out; nothing was done yet.
            pass
    return Janitor(ground, slot).obey(order)


def _owners(ground: Ground, slot: Slot, uids: frozenset[int]) -> list[Slot]:
    known = (*ground.slots, ground.setup)
    owners = [each for each in known if each.uid in uids and each != slot]
    if len(owners) != len(uids):
        raise UncleanError(f"{slot.name} holds files of the users {sorted(uids)}")
    return owners


class GoneError(Exception):
    """A janitor ended before it had its order."""


class Janitor:
    """One forked child of a slot, which waits for one order."""

    def __init__(self, ground: Ground, slot: Slot) -> None:
        self._slot = slot
        order, self._order = os.pipe()
        self._report, report = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            try:
                os.close(self._order)
                os.close(self._report)
                _work(ground, slot, order, report)
            finally:
                os._exit(0)
        keep_status(self._child)
        os.close(order)
        os.close(report)

    def obey(self, order: Order) -> Report:
        """Has the order carried out; the janitor is gone afterwards, whatever happens."""
        try:
            try:
                os.write(self._order, frames.encode_frame(asdict(order)))
            except BrokenPipeError as error:
                raise GoneError from error
            return _receive(self._report, self._slot)
        finally:
            self.dismiss()

    def dismiss(self) -> None:
        """Ends it, with or without an order."""
        os.close(self._order)
        os.close(self._report)
        end_child(self._child)


def _receive(receiver: int, slot: Slot) -> Report:
    deadline = time.monotonic() + WIPE_SECONDS + 15
    poller = select.poll()
    poller.register(receiver, select.POLLIN)

    def read(size: int) -> bytes:
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise UncleanError(f"cleaning {slot.name} did not end")
        return os.read(receiver, size)

    try:
        header, body = frames.read_frame(read, frames.MAX_BODY)
    except frames.FrameError as error:
        raise UncleanError(f"cleaning {slot.name} broke off: {error}") from error
    if "problem" in header:
        raise UncleanError(f"{slot.name} cannot be cleaned: {header['problem']}")
    output = Output(state=header["output"], data=body)
    return Report(output, frozenset(header["foreign"]), header["refusal"])


def _work(ground: Ground, slot: Slot, orders: int, reports: int) -> None:
    """The child's whole life; a report that stays away is a failure to the parent."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    fields: dict[str, Any]
    data = b""
    try:
        order = _read_order(orders)
        if order is None:
            return
        become(slot, order.kill)
        report = _obey(ground, slot, order)
        data = report.output.data
        fields = {"output": report.output.state, "foreign": sorted(report.foreign)}
        fields["refusal"] = report.refusal
    except Exception as error:
        fields = {"problem": f"{type(error).__name__}: {error}"}
    with os.fdopen(reports, "wb") as writer:
        writer.write(frames.encode_frame(fields, data))


def become(slot: Slot, kill: bool) -> None:
    """Gives up root for good: effective rights of the sample's user, identity of the janitor.

    A process of the sample's could slow this one down from now on, and no more than that; so it
    is killed at once, and this one was root's until now.
    """
    os.umask(0o077)
    os.setgroups([])
    os.setresgid(slot.uid, slot.uid, slot.uid)
    os.setresuid(slot.janitor, slot.uid, slot.janitor)
    if kill:
        kill_reachable()
    if os.getresuid() != (slot.janitor, slot.uid, slot.janitor):
        os._exit(1)


def _read_order(orders: int) -> Order | None:
    """None when whoever would give the order has gone."""
    try:
        fields, _ = frames.read_frame(lambda size: os.read(orders, size), 0)
    except frames.EndOfStream:
        return None
    bounds = fields.pop("bounds")
    return Order(**{**fields, "bounds": bounds and Bounds(**bounds)})


def _obey(ground: Ground, slot: Slot, order: Order) -> Report:
    deadline = time.monotonic() + order.seconds
    if order.kill:
        end_processes(slot.uid, deadline)
    output = Output(state="missing", data=b"")
    if order.output_bytes is not None:
        output = read_output(slot.output, order.output_bytes)
    wipe = Wipe(deadline)
    for path in order.empty:
        _empty(wipe, path)
    for path in ground.scratch:
        _sweep(wipe, path, slot.uid)
    if order.kernel_objects:
        ipc.remove_objects(slot.uid)
    refusal = None
    if order.tree is not None and order.bounds is not None:
        refusal = _open_tree(wipe, order.tree, slot.uid, order.bounds)
    # What is root's is for root to remove.
    return Report(output, frozenset(wipe.foreign - {0}), refusal)


def _open_tree(wipe: Wipe, path: str, uid: int, bounds: Bounds) -> str | None:
    """Why the tree is not to be sealed; it is emptied then."""
    try:
        open_tree(path, uid, bounds, wipe.deadline)
    except UnsealableError as error:
        _empty(wipe, path)
        return str(error)
    return None


def _sweep(wipe: Wipe, path: str, uid: int) -> None:
    try:
        folder = os.open(path, OPEN_FOLDER)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # Where its user may not go, that user left nothing.
        return
    wipe.sweep(folder, uid)
    os.close(folder)


def _empty(wipe: Wipe, path: str) -> None:
    try:
        os.chmod(path, 0o700)
        folder = os.open(path, OPEN_FOLDER)
    except FileNotFoundError:
        return
    if not wipe.empty(folder):
        os.fchmod(folder, 0o777)
    os.close(folder)
