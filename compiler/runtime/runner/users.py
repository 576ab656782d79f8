"""User ids that no other container of the same kernel uses.

The kernel counts a user's processes, queued signals, message queues and watches over all containers
at once: two runners whose samples had the same user ids could starve each other. So each takes the
block of ids that goes with the number of its process namespace, which no other living one has.
"""

from __future__ import annotations

import os

from .plan import MAX_UID
from .system import WorldError

# Ids of a block, enough for the slots, janitors and setup of any plan.
BLOCK = 1024
# The number of the kernel's first process namespace; those made later count up from behind it.
FIRST_NAMESPACE = 0xEFFFFFFC


def choose_base(base: int) -> int:
    """The first id of this container's block, `base` itself in the kernel's first namespace."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return base_of(base, _namespace(), file.read())


def base_of(base: int, namespace: int, uid_map: str) -> int:
    """The same for the number of a namespace, and the kernel's list of the ids that there are.

    A container whose users are remapped has few ids: its block can be that of another.
    """
    blocks = (_end_of_ids(base, uid_map) - base) // BLOCK
    if blocks < 1:
        raise WorldError(f"the user ids {base} to {base + BLOCK - 1} do not exist here")
    return base + BLOCK * (max(0, namespace - FIRST_NAMESPACE) % blocks)


def _namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        # A kernel that does not number them is not shared with other containers.
        return FIRST_NAMESPACE


def _end_of_ids(base: int, uid_map: str) -> int:
    """The first id after `base` that does not exist."""
    for line in uid_map.splitlines():
        first, _, length = map(int, line.split())
        if first <= base < first + length:
            return min(first + length, MAX_UID)
    return base
