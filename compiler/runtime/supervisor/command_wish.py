"""Whether the container's own command asks for a gateway, as commands did of old."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .names import ROOT_PROFILE
from .plan import Plan
from .slots import fill_argv

_PROFILE_OPTIONS = ("-p", "--profile")


def asked_gateways(plan: Plan, argv: list[str], ports: dict[str, int]) -> list[str] | None:
    """The profiles that the command asks for; None when it is a command of another kind.

    `ports` holds the profiles that there are.
    """
    if not argv:
        return None
    named = _read_own(argv)
    if named is not None:
        return named
    return next(([n] for n, port in ports.items() if fill_argv(plan, n, port) == argv), None)


def _read_own(argv: list[str]) -> list[str] | None:
    """`mooring gateway run`, with the profile's name wherever it may stand."""
    if os.path.basename(argv[0]) != "mooring":
        return None
    words, names = _split_options(argv[1:])
    return (names or [ROOT_PROFILE]) if words == ["gateway", "run"] else None


def _split_options(argv: Iterable[str]) -> tuple[list[str], list[str]]:
    words: list[str] = []
    names: list[str] = []
    rest = iter(argv)
    for word in rest:
        option, equals, value = word.partition("=")
        if option in _PROFILE_OPTIONS:
            names.append(value if equals else next(rest, ""))
        else:
            words.append(word)
    return words, names
