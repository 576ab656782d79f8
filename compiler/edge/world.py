"""What can go wrong outside the input: git, disk, docker, network."""

from __future__ import annotations

from typing import NoReturn


def raise_error(error: OSError) -> NoReturn:
    """What os.walk is to do with a folder that it cannot read, which it otherwise passes over."""
    raise error


class WorldError(Exception):
    """The world failed; ``str`` is one sentence for people. The command ends with exit code 3."""


class Refused(Exception):
    """Mooring will not do it; ``str`` says why and how to go on. Exit code 4."""
