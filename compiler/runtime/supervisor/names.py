"""What profiles, their slots and their ports are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

# The prefix and the name under which a slot is built must fit a file name of 255 bytes.
MAX_NAME = 200
PROFILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,199}")
# The home itself, which always has a slot.
ROOT_PROFILE = "default"
SLOT_PREFIX = "gateway-"
# The slot of the container's own command.
MAIN_SLOT = "main"


def is_profile_name(name: str) -> bool:
    """Whether a profile may be called so."""
    return PROFILE_NAME.fullmatch(name) is not None


def slot_name(profile: str) -> str:
    """The name of the profile's slot in the scandir."""
    return SLOT_PREFIX + profile


def derive_port(name: str, ports: tuple[int, int], taken: Iterable[int]) -> int | None:
    """The port that the name leads to, or the next free one, wrapping; None when none is free.

    `ports` holds both ends of the range.
    """
    first, last = ports
    count = last - first + 1
    start = int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest(), "big") % count
    used = frozenset(taken)
    every = (first + (start + step) % count for step in range(count))
    return next((port for port in every if port not in used), None)


def assign_ports(
    declared: Mapping[str, int], recorded: Mapping[str, int | None], ports: tuple[int, int]
) -> dict[str, int | None]:
    """A port for each name of `recorded`: no two alike, and as few changes as that takes.

    Declared profiles have the port that others were told, even when they are not there; then the
    ports on record stand, in the order of the names; the rest are derived.
    """
    given: dict[str, int | None] = {n: declared[n] for n in recorded if n in declared}
    taken = set(declared.values())
    # The home's own profile first: it cannot be recreated under another name.
    others = sorted(recorded.keys() - declared.keys(), key=lambda n: (n != ROOT_PROFILE, n))
    for name in others:
        port = recorded[name]
        if port is not None and ports[0] <= port <= ports[1] and port not in taken:
            given[name] = port
            taken.add(port)
    for name in others:
        if name not in given:
            port = derive_port(name, ports, taken)
            given[name] = port
            if port is not None:
                taken.add(port)
    return given
