"""The ports of gateways: each derived from its profile's name.

The supervisor gives ports to profiles that are created later by the same rule; a test holds the two
against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def assign_ports(names: Iterable[str], ports: tuple[int, int]) -> dict[str, int]:
    """Each name's port: the SHA-256 of the name decides, a taken one gives the next free one.

    The range ``ports`` (first, last) holds at least as many ports as there are names.
    """
    first, last = ports
    size = last - first + 1
    given: dict[str, int] = {}
    taken: set[int] = set()
    for name in names:
        offset = int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest(), "big") % size
        free = ((offset + i) % size for i in range(size))
        port = next(first + at for at in free if first + at not in taken)
        given[name] = port
        taken.add(port)
    return given
