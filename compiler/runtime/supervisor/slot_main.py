"""The container's own command, beside the gateways; its exit code becomes the container's."""

from __future__ import annotations

import os
import signal

from .gateway_exec import reset_signals
from .slot_spec import original_environment

ARGV, FOLDER = "data/argv", "data/cwd"
# Below the scandir; `.s6-svscan/finish` ends with what stands in it.
EXIT_CODE = ".mooring/exitcode"
HOME_LOCK_FD = 9
KILLED = 256
# As shells and the engine have it.
NOT_FOUND, NOT_RUN = 127, 126
PERMANENT_FAILURE = 125


def main(words: list[str]) -> int:
    """`main-run NAME`, or `main-finish CODE SIGNAL NAME`."""
    if words[0] == "main-run":
        return _run()
    return _finish(int(words[1]), int(words[2]))


def _run() -> int:
    with open(ARGV, "rb") as file:
        argv = file.read().split(b"\0")[:-1]
    with open(FOLDER, "rb") as file:
        folder = file.read()
    os.closerange(HOME_LOCK_FD, HOME_LOCK_FD + 1)
    reset_signals()
    try:
        os.chdir(folder)
        os.execvpe(argv[0], argv, {**original_environment(), b"PWD": folder})
    except OSError as error:
        message = f"mooring: {os.fsdecode(argv[0])} cannot be run: {error.strerror}\n"
        os.write(2, message.encode("utf-8", "backslashreplace"))
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUN


def _finish(code: int, number: int) -> int:
    status = 128 + number if code == KILLED else code
    with open(f"../{EXIT_CODE}", "w", encoding="ascii") as file:
        file.write(f"{status}\n")
    os.kill(_parent_of(os.getppid()), signal.SIGTERM)
    return PERMANENT_FAILURE


def _parent_of(pid: int) -> int:
    """s6-svscan, which started the s6-supervise that started this."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    return next(int(line[1]) for line in lines if line and line[0] == "PPid:")
