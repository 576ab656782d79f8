"""The log of boots: one line a profile and boot, for operators to search."""

from __future__ import annotations

import contextlib
import os
import time

from .reconcile import PlaceSlot, Skip

MAX_BYTES = 256 * 1024
# A name of a folder may be anything; a field of a line may not.
MAX_FIELD = 255


def line_of(action: PlaceSlot | Skip) -> str:
    """What the log says of a profile, but for the time."""
    if isinstance(action, Skip):
        done, reason = "skipped", f" reason={action.reason}"
    else:
        done, reason = "started" if action.wanted else "registered", ""
    return (
        f"profile={field(action.name)} prior_state={field(action.prior)} action={done}"
        f" last_exit={field(action.last_exit)}{reason}"
    )


def field(text: str) -> str:
    """The text without what would break a line or a field."""
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    safe = "".join(c if c.isprintable() and c not in ' ="' else _escape(c) for c in shown)
    return safe[:MAX_FIELD]


def _escape(character: str) -> str:
    return (
        character.encode("unicode_escape").decode()
        if ord(character) > 127
        else (f"\\x{ord(character):02x}")
    )


def append_lines(path: str, lines: list[str]) -> None:
    """Adds the lines, each with the time; what is too long becomes `.1`. OSError on a full disk."""
    with contextlib.suppress(FileNotFoundError):
        if os.lstat(path).st_size > MAX_BYTES:
            os.replace(path, f"{path}.1")
    at = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
        file.write("".join(f"{at} {line}\n" for line in lines).encode("utf-8"))
