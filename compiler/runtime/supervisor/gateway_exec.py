"""Becoming the gateway: the profile's lock, its environment, its readiness, and exec.

Part of what s6 runs at each start: imports little.
"""

from __future__ import annotations

import os
import time

from .listening import is_listening
from .pace import pause_after
from .profile_lock import open_lock, take_over
from .slot_spec import Spec, make_environment, original_environment
from .tally import FATAL_CODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import NoReturn
else:
    # The same without its enumerations and with what `typing` costs saved: half of a start.
    try:
        import _signal as signal
    except ImportError:
        import signal

EXIT_RECORD = ".mooring/exit.json"
_RETRY_CODE = 1
_PORT_SECONDS = 1.0


class Unable(Exception):
    """The gateway cannot be started; `code` is what its process ends with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def take_profile(spec: Spec) -> None:
    """Holds the profile from here on; another gateway of it is ended first."""
    try:
        lock = open_lock(spec.folder)
    except FileNotFoundError as error:
        raise Unable(f"{spec.folder} is gone", FATAL_CODE) from error
    if not take_over(spec.folder, lock, spec.stop_timeout):
        raise Unable("another gateway of this profile does not end", _RETRY_CODE)


def become_gateway(spec: Spec, *, announce: bool) -> NoReturn:
    """Replaces this process. `announce`: s6 waits at the spec's descriptor for a line.

    Raises Unable, or returns never.
    """
    if spec.readiness == "tcp":
        _await_port(spec.port)
    environment = make_environment(original_environment(), spec)
    os.chdir(spec.folder)
    _forget_last_exit()
    reset_signals()
    if announce:
        _announce(spec)
    try:
        os.execvpe(spec.argv[0], spec.argv, environment)
    except OSError as error:
        program = os.fsdecode(spec.argv[0])
        raise Unable(f"{program} cannot be run: {error.strerror}", FATAL_CODE) from error


def _await_port(port: int) -> None:
    """A gateway that was just ended may have let go of the profile before it did of its port."""
    begun = time.monotonic()
    while is_listening(port):
        waited = time.monotonic() - begun
        if waited >= _PORT_SECONDS:
            raise Unable(f"port {port} is taken by another process", _RETRY_CODE)
        time.sleep(pause_after(waited))


def reset_signals() -> None:
    """What a program that is started expects: nothing blocked, nothing of the interpreter's."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _forget_last_exit() -> None:
    try:
        os.unlink(EXIT_RECORD)
    except OSError:
        return


def _announce(spec: Spec) -> None:
    """Sees to it that the line is written: at once, when the port is open, or by the gateway."""
    if spec.readiness == "none":
        os.write(spec.fd, b"\n")
    elif spec.readiness == "tcp":
        _start_watcher(spec)
    if spec.readiness != "notify":
        os.close(spec.fd)


def _start_watcher(spec: Spec) -> None:
    """As an orphan, so that the gateway has no child that it does not know of."""
    gateway = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork() == 0:
        try:
            _watch(spec, gateway)
        finally:
            os._exit(0)
    os._exit(0)


def _watch(spec: Spec, gateway: int) -> None:
    """Writes the line as soon as the port is open; gives up with the gateway.

    The gateway leads this process's group, so that its number cannot become another's meanwhile.
    """
    _drop_all_but(spec.fd)
    begun = time.monotonic()
    while not is_listening(spec.port):
        os.kill(gateway, 0)
        time.sleep(pause_after(time.monotonic() - begun))
    os.write(spec.fd, b"\n")


def _drop_all_but(fd: int) -> None:
    """The log's pipe and the profile's lock are the gateway's alone."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for each in os.listdir("/proc/self/fd"):
        if int(each) > 2 and int(each) != fd:
            try:
                os.close(int(each))
            except OSError:
                continue
