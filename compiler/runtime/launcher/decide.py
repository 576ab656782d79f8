"""Desired x observed -> what to do: pure, and the only place that says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from .engine import Container, Network
from .errors import LaunchError

NAME_LABEL = "mooring.tong.name"
HASH_LABEL = "mooring.tong.config-hash"
SESSION_LABEL = "mooring.session"
OWNER_LABEL = "mooring.owner"


class Action(Enum):
    """What becomes of a tong's container; the value says of the one that was found why."""

    REUSE = "runs as defined"
    START = "is not there"
    RESTART_STOPPED = "does not run"
    RESTART_STALE = "was made from another definition"
    RESTART_UNTOLD = "never got its secrets"

    @property
    def removes(self) -> bool:
        """Whether a container of that name has to go first."""
        return self not in (Action.REUSE, Action.START)


@dataclass(frozen=True)
class Wanted:
    """A shared tong as it should be."""

    name: str
    container: str
    config_hash: str


def decide(wanted: Wanted, found: Container | None, is_told: Callable[[], bool]) -> Action:
    """`is_told` asks the container whether its secrets arrived; True for one that needs none.

    LaunchError for a container that has the name and is not ours to replace.
    """
    if found is None:
        return Action.START
    if found.labels.get(NAME_LABEL) != wanted.name:
        raise LaunchError(
            f"tong {wanted.name}: there is another container named {wanted.container}",
            f"remove or rename it: docker rm -f {wanted.container}",
        )
    if not found.is_running:
        return Action.RESTART_STOPPED
    if found.labels.get(HASH_LABEL) != wanted.config_hash:
        return Action.RESTART_STALE
    return Action.REUSE if is_told() else Action.RESTART_UNTOLD


def startable(
    waiting: Iterable[str], needs: Mapping[str, Sequence[str]], ready: Collection[str]
) -> list[str]:
    """Those whose needs are all ready, in the order of the plan."""
    return [name for name in waiting if all(need in ready for need in needs[name])]


@dataclass(frozen=True)
class Leftovers:
    """What dead launchers own: containers, then the networks that only they used."""

    containers: tuple[str, ...]
    networks: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.containers or self.networks)


def find_leftovers(
    containers: Iterable[Container], networks: Iterable[Network], is_dead: Callable[[str], bool]
) -> Leftovers:
    """Those whose owner's label names a process that is certainly gone."""
    return Leftovers(
        tuple(c.name for c in containers if is_dead(c.labels.get(OWNER_LABEL, ""))),
        tuple(n.name for n in networks if is_dead(n.labels.get(OWNER_LABEL, ""))),
    )
