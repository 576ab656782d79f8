"""A candidate's setup: once per tree, before its first sample, in the tree's own place.

Paths that a setup writes down (an interpreter's, a build's) hold for samples, since the tree does
not move afterwards. A setup runs alone in the box, as a user of its own: it holds every slot, so
that it can hand no open file to a sample and no sample can disturb it. Afterwards its processes
are ended, its home is emptied, and root takes the tree over (seal.py). Its home lies in the store's
file system, beside the tree, and shares its bounds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from .janitor import Ground, Janitor, Order, clean, tidy
from .launch import launch
from .plan import Plan
from .run import CancelledError, End, Run, Watch
from .seal import Bounds, give_tree, take_tree
from .secrets import hide_secrets
from .slots import clear, furnish_owned, is_clean, lock_slot
from .store import NoRoomError, Store
from .tree import MAX_ENTRIES, TooLargeError

SETUP = ".setup"
PAUSE = 0.005
# Characters of each stream's end that go into the reason of a failure.
TAIL = 1800
# A file system with less than this is what stopped a program that failed in it.
FULL_BYTES, FULL_FILES = 256 * 1024, 16


class SetupFailedError(Exception):
    """The candidate's own failure; the message says how, with the end of what was printed."""


class Setup:
    """Puts trees and runs the plan's setup in them, on behalf of one connection."""

    def __init__(self, plan: Plan, ground: Ground, store: Store, watch: Watch) -> None:
        self._plan = plan
        self._ground = ground
        self._store = store
        self._watch = watch

    @contextlib.contextmanager
    def turn(self, watch: Watch) -> Iterator[None]:
        """The right to put a tree: one connection has it at a time. CancelledError as of `watch`,
        which must not be the one that takes what the client still sends for an interruption.
        """
        while (lock := lock_slot(self._ground.setup)) is None:
            watch.pause(PAUSE)
        try:
            clear_setup(self._ground, self._store)
            yield
        finally:
            os.close(lock)

    def put(self, tree: str, read: Callable[[int], bytes]) -> None:
        """Has the tree ready, or says why it is not; a setup that failed is not run again."""
        if self._store.has(tree):
            return
        known = self._store.failure(tree)
        if known is not None:
            raise SetupFailedError(known)
        try:
            self._store.put(tree, read, self._publish)
        except SetupFailedError as error:
            # Without room for the record the setup runs again when it is asked for again.
            with contextlib.suppress(OSError, NoRoomError, TooLargeError):
                self._store.record_failure(tree, str(error))
            raise

    def _publish(self, path: str, place: str) -> None:
        """Runs the setup in the tree at `path`, which root has just written, and seals it."""
        with self._alone():
            # What a setup can count on: as many bytes again as a tree may have, and as many for
            # its home. Less is left only where the whole store is smaller.
            self._store.make_free(2 * self._plan.limits.tree_bytes, MAX_ENTRIES, path)
            try:
                self._run(path, place)
            except (SetupFailedError, CancelledError):
                clear_setup(self._ground, self._store)
                raise

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds every slot, each from the moment it is free."""
        with contextlib.ExitStack() as held:
            for slot in self._ground.slots:
                while (lock := lock_slot(slot)) is None:
                    self._watch.pause(PAUSE)
                held.callback(os.close, lock)
                if not is_clean(slot):
                    clean(self._ground, slot, None)
            yield

    def _run(self, path: str, place: str) -> None:
        slot, limits = self._ground.setup, self._plan.limits
        janitor = Janitor(self._ground, slot)
        try:
            furnish_owned(slot)
            give_tree(path, slot.uid)
            os.rename(path, place)
            process = launch(self._plan, slot, self._plan.setup or (), place)
        except BaseException:
            janitor.dismiss()
            clear_setup(self._ground, self._store)
            raise
        run = Run(process, limits.stderr_bytes, self._plan.setup_timeout)
        order = Order(empty=(*slot.owned, place))
        problem = ""
        try:
            run.follow(self._watch)
            if run.has_succeeded:
                bounds = Bounds(limits.tree_bytes, MAX_ENTRIES)
                order = Order(empty=slot.owned, tree=place, bounds=bounds)
            elif not self._store.has_free(FULL_BYTES, FULL_FILES):
                problem = ", and its file system is full"
        finally:
            try:
                report = tidy(self._ground, slot, order, janitor)
            finally:
                end = run.finish()
        if order.tree is None or report.refusal is not None:
            raise SetupFailedError(self._explain(end, report.refusal, problem))
        take_tree(place)
        clear(slot)

    def _explain(self, end: End, refusal: str | None, problem: str) -> str:
        if refusal is not None:
            cause = f"setup left a tree that cannot be used: {refusal}"
        elif end.timed_out:
            cause = f"setup took longer than {self._plan.setup_timeout:g} s{problem}"
        elif end.signal is not None:
            cause = f"setup was ended by signal {end.signal}{problem}"
        else:
            cause = f"setup ended with exit code {end.exit}{problem}"
        streams = (("standard error", end.stderr), ("standard output", end.stdout))
        tails = [_show_tail(name, data) for name, data in streams if data.strip()]
        return hide_secrets(self._plan, "\n".join((cause, *tails)))


def _show_tail(name: str, data: bytes) -> str:
    return f"{name} ended with:\n{data.decode('utf-8', 'replace').strip()[-TAIL:]}"


def clear_setup(ground: Ground, store: Store) -> None:
    """Ends and removes all that an unfinished setup has left. The caller holds the turn."""
    slot, unsealed = ground.setup, store.unsealed()
    if is_clean(slot) and not unsealed:
        return
    tidy(ground, slot, Order(empty=(*slot.owned, *unsealed)))
    for path in unsealed:
        store.remove_unsealed(path)
    clear(slot)
