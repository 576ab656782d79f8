"""Talking to s6: its status files and its fifos; its own tools where a layout is not known.

A fifo's letters are the options of s6-svc and s6-svscanctl.
"""

from __future__ import annotations

import errno
import os
import stat
import subprocess

from .status import Status, read_status_file

TOOL_SECONDS = 10.0


class NotSupervised(Exception):
    """No s6 process of ours is there to be asked."""


class Foreign(Exception):
    """There is one, and it belongs to another user."""


def is_scanned(scandir: str) -> bool:
    """Whether an s6-svscan runs on the scandir. Foreign when it is another user's."""
    return _poke(f"{scandir}/.s6-svscan/control", b"")


def rescan(scandir: str, letters: str) -> None:
    """Tells s6-svscan: `a` look for new slots, `n` end what has none any more, `t` end all."""
    control = f"{scandir}/.s6-svscan/control"
    if _is_fifo(control) or not os.path.isdir(f"{scandir}/.s6-svscan"):
        if not _poke(control, letters.encode()):
            raise NotSupervised(f"no s6-svscan runs on {scandir}")
    else:
        _tool("s6-svscanctl", f"-{letters}", scandir)


def is_supervised(service: str) -> bool:
    """Whether an s6-supervise runs for the service in that folder."""
    control = f"{service}/supervise/control"
    if _is_fifo(control) or not os.path.isdir(f"{service}/supervise"):
        return _poke(control, b"")
    return _answer("s6-svok", service).returncode == 0


def command(service: str, letters: str) -> None:
    """Tells the service's s6-supervise: `U` up, `D` down, both for good; `r` restart."""
    control = f"{service}/supervise/control"
    if _is_fifo(control) or not os.path.isdir(f"{service}/supervise"):
        if not _poke(control, letters.encode()):
            raise NotSupervised(f"nothing supervises {service}")
    else:
        _tool("s6-svc", f"-{letters}", service)


def read_status(service: str) -> Status:
    """The service's status; NotSupervised when nothing has ever supervised it."""
    try:
        status = read_status_file(service)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotSupervised(f"nothing supervises {service}") from error
    return status if status is not None else _ask_status(service)


_QUESTION = ("up", "wantedup", "ready", "pid", "exitcode", "signum", "updownsince")


def _ask_status(service: str) -> Status:
    answer = _tool("s6-svstat", "-o", ",".join(_QUESTION), service).split()
    found = dict(zip(_QUESTION, answer))
    up, pid = found["up"] == "true", max(int(found["pid"]), 0)
    flags = 4 * (found["wantedup"] == "true") + 8 * (found["ready"] == "true")
    number, code = _number(found["signum"]), _number(found["exitcode"])
    wait = number if number is not None else (code or 0) << 8
    return Status(found["updownsince"].encode(), pid if up else 0, wait, flags)


def _number(word: str) -> int | None:
    return int(word) if word.isdigit() else None


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def _poke(fifo: str, letters: bytes) -> bool:
    """Writes to a fifo if somebody reads it; answers whether."""
    try:
        file = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise Foreign(fifo) from error
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT, errno.ENOTDIR):
            return False
        raise
    try:
        if letters:
            os.write(file, letters)
    finally:
        os.close(file)
    return True


def _answer(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=TOOL_SECONDS, check=False,
    )  # fmt: skip


def _tool(*argv: str) -> str:
    """What the tool prints; NotSupervised with its own words when it fails."""
    done = _answer(*argv)
    if done.returncode != 0:
        raise NotSupervised(done.stderr.strip() or f"{argv[0]} answered {done.returncode}")
    return done.stdout
