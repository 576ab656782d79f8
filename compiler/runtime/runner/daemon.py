"""The listening process: takes connections, forks a handler for each, runs nothing itself."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import stat
import struct
import time
from types import FrameType

from .handler import Handler, log
from .janitor import Ground, UncleanError, clean
from .plan import Plan
from .processes import reap_ended
from .secrets import take_secrets
from .setup import SETUP, clear_setup
from .slots import Slot, lock_slot, make_setup_slot, make_slots
from .store import Store
from .system import (
    SET_CHILD_SUBREAPER,
    SET_PARENT_DEATH_SIGNAL,
    WorldError,
    check_rights,
    own_folder,
    prctl,
    shared_folders,
)
from .users import choose_base

SPARE_CONNECTIONS = 32
END_SECONDS = 5.0
SLOT_MODE = 0o711


def serve(plan: Plan) -> None:
    """Runs until SIGTERM or SIGINT. WorldError when the surroundings do not allow to start."""
    check_rights()
    plan = take_secrets(plan)
    os.umask(0o022)
    ground = prepare(plan)
    daemon = Daemon(plan, ground, listen(plan.socket))
    gc.freeze()
    try:
        daemon.run()
    finally:
        daemon.end()


def prepare(plan: Plan) -> Ground:
    """Takes over the folders and clears what an earlier daemon may have left in them."""
    base = choose_base(plan.uid_base)
    slots = make_slots(plan.slots, base)
    setup = make_setup_slot(f"{plan.candidates}/{SETUP}", base, len(slots))
    for slot in slots:
        own_folder(slot.path, SLOT_MODE)
    store = Store(plan.candidates, plan.limits.tree_bytes)
    store.prepare()
    os.makedirs(setup.path, exist_ok=True)
    own_folder(setup.path, SLOT_MODE)
    scratch = tuple(sorted({*plan.scratch, *shared_folders()}))
    ground = Ground(slots=slots, setup=setup, scratch=scratch)
    clear_all(ground, store)
    return ground


def clear_all(ground: Ground, store: Store, patience: float = 0.0) -> None:
    """Ends and removes whatever is left of samples and of a setup."""
    clear_slots(ground, patience)
    lock = _lock_in(ground.setup, time.monotonic() + patience)
    try:
        clear_setup(ground, store)
    except UncleanError as error:
        raise WorldError(str(error)) from error
    finally:
        os.close(lock)


def clear_slots(ground: Ground, patience: float = 0.0) -> None:
    """Ends and wipes what is left of every slot; waits so many seconds for one that is busy."""
    deadline = time.monotonic() + patience
    for slot in ground.slots:
        lock = _lock_in(slot, deadline)
        try:
            clean(ground, slot, None)
        except UncleanError as error:
            raise WorldError(f"{slot.path}: {error}") from error
        finally:
            os.close(lock)


def _lock_in(slot: Slot, deadline: float) -> int:
    while (lock := lock_slot(slot)) is None:
        if time.monotonic() >= deadline:
            raise WorldError(f"{slot.path}: another process works in it")
        time.sleep(0.01)
    return lock


def listen(path: str) -> socket.socket:
    """The listening socket at `path`, for root alone; what a daemon before left there goes."""
    own_folder(os.path.dirname(path), 0o755)
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise WorldError(f"{path}: there is something that is no socket")
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
        listener.listen(128)
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror or error}") from error
    finally:
        os.umask(mask)
    listener.setblocking(False)
    return listener


class Daemon:
    """The accepting loop and the handlers that it started."""

    def __init__(self, plan: Plan, ground: Ground, listener: socket.socket) -> None:
        self._plan = plan
        self._ground = ground
        self._listener = listener
        self._handlers: set[int] = set()
        self._most = 2 * len(plan.slots) + SPARE_CONNECTIONS
        self._ending = False
        self._wake, self._wake_end = os.pipe()
        for end in (self._wake, self._wake_end):
            os.set_blocking(end, False)
        # What a killed handler leaves comes here to be reaped.
        prctl(SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)

    def run(self) -> None:
        """Accepts while there is room for one more connection."""
        log(f"ready, {len(self._plan.slots)} slots")
        while not self._ending:
            has_room = len(self._handlers) < self._most
            sources = [self._wake, self._listener.fileno()] if has_room else [self._wake]
            readable, _, _ = select.select(sources, (), ())
            self._drain_wake()
            self._handlers -= reap_ended().keys()
            if self._listener.fileno() in readable:
                self._accept()

    def end(self) -> None:
        """Ends the handlers, and whatever still runs in the slots."""
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._plan.socket)
        self._signal_handlers(signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while self._handlers and time.monotonic() < deadline:
            time.sleep(0.01)
            self._handlers -= reap_ended().keys()
        self._signal_handlers(signal.SIGKILL)
        for handler in self._handlers:
            os.waitpid(handler, 0)
        # A killed handler's janitor works to its end and holds the slot as long.
        store = Store(self._plan.candidates, self._plan.limits.tree_bytes)
        clear_all(self._ground, store, patience=END_SECONDS)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._ending = True

    def _signal_handlers(self, number: int) -> None:
        for handler in self._handlers:
            os.kill(handler, number)

    def _drain_wake(self) -> None:
        try:
            os.read(self._wake, 4096)
        except BlockingIOError:
            return

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        with client:
            parent = os.getpid()
            child = os.fork()
            if child == 0:
                try:
                    self._handle(client, parent)
                except BaseException as error:
                    log(f"a handler failed: {type(error).__name__}: {error}")
                finally:
                    os._exit(0)
            self._handlers.add(child)

    def _handle(self, client: socket.socket, parent: int) -> None:
        """A handler's whole life."""
        for descriptor in (self._listener.detach(), self._wake, self._wake_end):
            os.close(descriptor)
        handler = Handler(client, self._plan, self._ground)
        prctl(SET_CHILD_SUBREAPER, 1)
        prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:
            return
        client.setblocking(True)
        if peer_uid(client) == 0:
            handler.serve()
        else:
            log("a connection of another user than root was refused")


def peer_uid(client: socket.socket) -> int:
    """The user at the other end when it connected."""
    size = struct.calcsize("3i")
    uid: int = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[
        1
    ]
    return uid
