"""Who made a container: the launcher's process, named so that another can tell whether it lives.

An owner is `HOST:BOOT:NAMESPACE:PID:START`: the host's name, `@` and a digest of its machine id
(two hosts may have one name; nothing where it has no id), the first characters of the kernel's boot
id, the number of the process id namespace, the process id, and its start in clock ticks after
the boot (field 22 of /proc/PID/stat), which no later process with the same id shares.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass

from .errors import LaunchError

SESSION_PREFIX = "mooring-"
MACHINE_ID = "/etc/machine-id"
_FORM = re.compile(r"([^:]*@(?:[0-9a-f]{8})?):([0-9a-f]{8}):(\d+):(\d+):(\d+)")


@dataclass(frozen=True)
class Place:
    """Where process ids mean something: one boot of one host, one namespace. ``host`` ends with an
    `@` where nothing but its name tells it from others."""

    host: str
    boot: str
    namespace: str


def new_session() -> str:
    """The name of a session: starts the names of all that is its own."""
    return SESSION_PREFIX + secrets.token_hex(4)


def own_name() -> str:
    """This process as an owner."""
    place, pid = own_place(), os.getpid()
    return f"{place.host}:{place.boot}:{place.namespace}:{pid}:{start_of(pid)}"


def own_place() -> Place:
    """Where this process runs; LaunchError where Linux does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read(8)
        namespace = re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
    except OSError as error:
        raise LaunchError(f"nobody could tell whether this launch lives: {error}") from error
    return Place(f"{os.uname().nodename}@{_machine()}", boot, namespace)


def _machine() -> str:
    """https://www.freedesktop.org/software/systemd/man/latest/machine-id.html asks that an id be
    told to nobody as it is."""
    try:
        with open(MACHINE_ID, "rb") as file:
            text = file.read(64).strip()
    except OSError:
        return ""
    return hashlib.sha256(text).hexdigest()[:8] if re.fullmatch(rb"[0-9a-f]{32}", text) else ""


def start_of(pid: int) -> int | None:
    """When a process began, or None when there is none of that id that still runs."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name in parentheses may hold anything; it ends at the last one.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def is_dead(owner: str, here: Place) -> bool:
    """True only when it is certain: what another host, or another namespace of this one, owns is
    not ours to judge. An earlier boot of this host has left no process; where a host has a name
    alone, another boot may be that of another host."""
    form = _FORM.fullmatch(owner)
    if form is None or form[1] != here.host:
        return False
    if form[2] != here.boot:
        return not here.host.endswith("@")
    if form[3] != here.namespace:
        return False
    return start_of(int(form[4])) != int(form[5])
