"""Whether somebody listens on a port, as the kernel's own tables have it: nobody is disturbed."""

from __future__ import annotations

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = b"0A"


def is_listening(port: int) -> bool:
    """Whether a socket of this network namespace listens on the TCP port, at any address."""
    return any(_stands_in(table, b":%04X" % port) for table in TABLES)


def _stands_in(table: str, end: bytes) -> bool:
    try:
        with open(table, "rb") as file:
            lines = file.readlines()[1:]
    except OSError:
        return False
    # Number, local address, remote address, state.
    return any(f[3] == _LISTEN and f[1].endswith(end) for f in map(bytes.split, lines))
