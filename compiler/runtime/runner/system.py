"""What the daemon needs of the kernel: checked at start, so that a sample never finds out."""

from __future__ import annotations

import ctypes
import os
import stat

SET_PARENT_DEATH_SIGNAL = 1
SET_NO_NEW_PRIVILEGES = 38
SET_CHILD_SUBREAPER = 36
# Bits of the effective set, from linux/capability.h.
CAPABILITIES = {"CHOWN": 0, "KILL": 5, "SETGID": 6, "SETUID": 7}


class WorldError(Exception):
    """Something around the daemon is not as it must be; one line for a person."""


def prctl(option: int, value: int) -> None:
    """One process attribute. It stays with later forks only where the kernel says so."""
    libc = ctypes.CDLL(None, use_errno=True)
    rest = (ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    if libc.prctl(ctypes.c_int(option), *rest) != 0:
        raise WorldError(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def status_field(pid: str, name: str) -> str:
    """One line's value of /proc/<pid>/status, stripped; empty when there is none."""
    file = os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)
    try:
        lines = os.read(file, 8192).split(b"\n")
    finally:
        os.close(file)
    key = f"{name}:".encode()
    return next((line[len(key) :].strip().decode() for line in lines if line.startswith(key)), "")


def check_rights() -> None:
    """Container root with the four capabilities, and no way for a child to gain any."""
    if os.geteuid() != 0:
        raise WorldError(
            "must run as root: it gives each sample a user id of its own, which no other user can"
        )
    effective = int(status_field("self", "CapEff"), 16)
    missing = [name for name, bit in CAPABILITIES.items() if not effective >> bit & 1]
    if missing:
        raise WorldError(f"the capabilities {', '.join(missing)} are missing")
    prctl(SET_NO_NEW_PRIVILEGES, 1)


def own_folder(path: str, mode: int) -> None:
    """Checks that `path` is a folder of root and gives it `mode`."""
    try:
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode):
            raise WorldError(f"{path}: not a folder")
        if found.st_uid != 0:
            raise WorldError(f"{path}: belongs to user {found.st_uid}, not to root")
        if stat.S_IMODE(found.st_mode) != mode:
            os.chmod(path, mode)
        if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
            raise WorldError(f"{path}: not writable")
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from error


def shared_folders() -> list[str]:
    """Mount points, other than kernel interfaces, into whose root every user may write."""
    found = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            point = os.fsdecode(line.split()[4].decode("unicode_escape").encode("latin-1"))
            if point.startswith("/proc"):
                continue
            try:
                mode = os.lstat(point).st_mode
            except OSError:
                continue
            if stat.S_ISDIR(mode) and mode & stat.S_IWOTH:
                found.append(point)
    return found
