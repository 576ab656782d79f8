"""Removing what a session made: at its end, or for a launcher that can no longer do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from .decide import OWNER_LABEL, SESSION_LABEL, Leftovers, find_leftovers
from .engine import Engine
from .errors import LaunchError
from .owner import is_dead, own_place

ATTEMPTS = 3
PAUSE = 0.3


def remove_session(engine: Engine, session: str) -> list[str]:
    """All containers and networks of a session; what could not be removed is told, not raised."""
    label = f"{SESSION_LABEL}={session}"
    problems: list[str] = []
    containers = _try(problems, lambda: [c.name for c in engine.labelled_containers(label)])
    networks = _try(problems, lambda: [n.name for n in engine.labelled_networks(label)])
    return problems + remove_all(engine, containers, networks)


def remove_all(engine: Engine, containers: Sequence[str], networks: Sequence[str]) -> list[str]:
    """Containers first: a network goes only when nothing of it runs. Shared tongs are taken off a
    network, and stay."""
    problems: list[str] = []
    if containers:
        _try(problems, lambda: engine.remove(containers))
    for network in networks:
        problems.extend(_remove_network(engine, network))
    return problems


def find_dead(engine: Engine) -> Leftovers:
    """What launchers of this host that are gone have left."""
    here = own_place()
    return find_leftovers(
        engine.labelled_containers(OWNER_LABEL),
        engine.labelled_networks(OWNER_LABEL),
        lambda owner: is_dead(owner, here),
    )


def _remove_network(engine: Engine, network: str) -> list[str]:
    """Again, when the engine still counts an endpoint of a container that just went."""
    problems: list[str] = []
    for attempt in range(ATTEMPTS):
        problems = []
        users = _try(problems, lambda: engine.members(network))
        for user in users:
            _try(problems, lambda user=user: engine.disconnect(network, user))  # type: ignore[misc]
        _try(problems, lambda: engine.remove_network(network))
        if not problems:
            break
        time.sleep(PAUSE * (attempt + 1))
    return problems


def _try(problems: list[str], action: Callable[[], Iterable[str] | None]) -> list[str]:
    try:
        return list(action() or ())
    except LaunchError as error:
        problems.append("; ".join([error.message, *error.lines]))
        return []
