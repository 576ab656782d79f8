"""Mounts of tongs: words, never paths of the host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

WORKSPACE: Final = "workspace"
SOCKET: Final = "docker-socket"
VOLUME: Final = "volume"
_FORMS: Final = "workspace[:/target][:ro], docker-socket[:ro], volume:NAME:/target[:ro]"
_VOLUME_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class MountSpec:
    """What a mount asks for: its word, the volume's name (of a volume alone), its target if any."""

    word: str
    volume: str | None
    target: str | None
    read_only: bool


def parse_mount(text: str) -> MountSpec:
    """The mount that ``text`` is; its target is normal: absolute, without ``.`` and double slashes.

    Raises ValueError for anything else.
    """
    word, *parts = text.split(":")
    read_only = False
    if parts and parts[-1] in ("ro", "rw"):
        read_only = parts.pop() == "ro"
    volume = None
    if word == VOLUME:
        if len(parts) != 2 or not _VOLUME_NAME.fullmatch(parts[0]):
            raise ValueError("a volume is written volume:NAME:/target")
        volume = parts.pop(0)
    elif word == SOCKET and parts:
        raise ValueError("the socket has one place: write docker-socket, or docker-socket:ro")
    elif word not in (WORKSPACE, SOCKET) or len(parts) > 1:
        raise ValueError(f"mounts are {_FORMS}")
    target = normal_target(parts[0]) if parts else None
    return MountSpec(word=word, volume=volume, target=target, read_only=read_only)


def normal_target(path: str) -> str:
    """The path without empty steps and ``.``.

    Raises ValueError for a relative one, one with spaces or ``..``, and for every spelling of the
    root.
    """
    if not path.startswith("/"):
        raise ValueError(f"the target `{path}` is not absolute")
    if any(c.isspace() or not c.isprintable() for c in path):
        raise ValueError("a target has no spaces")
    steps = [step for step in path.split("/") if step not in ("", ".")]
    if ".." in steps:
        raise ValueError("a target has no `..`")
    if not steps:
        raise ValueError("the root of a container cannot be a target")
    return "/" + "/".join(steps)
