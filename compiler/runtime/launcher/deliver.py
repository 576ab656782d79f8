"""Secret values on their way into a container: text for its shell, through a pipe, never argv."""

from __future__ import annotations

from collections.abc import Mapping

# The last line: a text that was cut off on the way is not taken for the whole.
END_MARK = b"mooring_complete=yes\n"


def render_delivery(values: Mapping[str, bytes]) -> bytes:
    """Assignments that the container's shell evaluates before it becomes the real process."""
    lines = [b"export %s=%s\n" % (name.encode(), _quoted(values[name])) for name in values]
    return b"".join(lines) + END_MARK


def _quoted(value: bytes) -> bytes:
    return b"'" + value.replace(b"'", b"'\\''") + b"'"
