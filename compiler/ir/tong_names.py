"""What containers, networks and variables of tongs are called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from compiler.ir.launch_plan import Hole, Word
from compiler.ir.tong import Kind, SecretReference, Tong
from compiler.ir.variable_name import variable_name

SHARED_PREFIX: Final = "mooring-tong"
SHARED_NETWORK: Final = "mooring-tongs"
_OUTSIDE_NAMES: Final = re.compile(r"[^A-Za-z0-9_.-]+", re.ASCII)


def canonical_alias(tong: Tong) -> str:
    """The name under which a tong is reached: of an MCP server its own, else the tong's."""
    interface = tong.interface
    if interface.kind is Kind.MCP and interface.name is not None:
        return interface.name
    return tong.name


def network_aliases(tong: Tong) -> tuple[str, ...]:
    """Every name under which a tong is reached, the canonical one first; none off the network."""
    if not tong.interface.on_network:
        return ()
    return tuple(dict.fromkeys((canonical_alias(tong), *tong.aliases)))


def alias_collisions(tongs: Iterable[Tong]) -> tuple[tuple[str, Tong, Tong], ...]:
    """Each alias that two tongs claim, the one that keeps it (the first by name), and the other.

    Names in the DNS have no case.
    """
    keepers: dict[str, Tong] = {}
    found = []
    for tong in sorted(tongs, key=lambda t: t.name):
        for alias in network_aliases(tong):
            keeper = keepers.setdefault(alias.casefold(), tong)
            if keeper is not tong:
                found.append((alias, keeper, tong))
    return tuple(found)


def _sanitise(name: str) -> str:
    return _OUTSIDE_NAMES.sub("-", name).strip("-_.")


def shared_container_name(name: str) -> str:
    """The container of a shared tong: the same in every session of the machine."""
    return "-".join(filter(None, (SHARED_PREFIX, _sanitise(name))))


def session_container_name(session: str | Hole, name: str) -> Word:
    """``<session>-tong-<name>``; a name of which nothing is left drops its dash."""
    return (session, "-".join(filter(None, ("-tong", _sanitise(name)))))


def session_network_name(session: str | Hole) -> Word:
    """The network of a session."""
    return (session, "-tongs")


def secret_variable(tong: str, variable: str, index: int) -> str:
    """Where a script takes a tong's secret from; ``index`` counts those in one value, from 0."""
    more = f"_{index + 1}" if index else ""
    return f"MOORING_SECRET_{variable_name(tong)}__{variable}{more}"


def secret_variables(tong: Tong) -> frozenset[str]:
    """All from which a script takes the secrets of a tong."""
    return frozenset(
        secret_variable(tong.name, name, index)
        for name, value in tong.environment
        for index in range(sum(isinstance(part, SecretReference) for part in value))
    )
