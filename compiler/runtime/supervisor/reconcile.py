"""What a boot has to do: pure, from what the home and the scandir hold to a list of actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from .names import ROOT_PROFILE, assign_ports
from .plan import Plan
from .profiles import Seen


@dataclass(frozen=True)
class RemoveSlot:
    """What an earlier start left in the scandir."""

    entry: str


@dataclass(frozen=True)
class CreateProfile:
    """A declared profile that no boot has created yet."""

    name: str


@dataclass(frozen=True)
class RemoveStale:
    """What a gateway that was killed left, and the next one would take for its own."""

    name: str
    file: str


@dataclass(frozen=True)
class RecordWish:
    """From here on nothing but this record and the commands has a say."""

    name: str
    wanted: bool


@dataclass(frozen=True)
class RecordPort:
    """The port of a profile, new or changed."""

    name: str
    port: int


@dataclass(frozen=True)
class PlaceSlot:
    """`prior` and `last_exit` are words for the log."""

    name: str
    port: int
    wanted: bool
    prior: str
    last_exit: str


@dataclass(frozen=True)
class Skip:
    """Not a profile, or not one that can be run; `reason` is a word for the log."""

    name: str
    reason: str
    prior: str = "none"
    last_exit: str = "none"


@dataclass(frozen=True)
class RecordCreated:
    """The declared profiles that need no creating any more."""

    names: frozenset[str]


Action = Union[
    RemoveSlot,
    CreateProfile,
    RemoveStale,
    RecordWish,
    RecordPort,
    PlaceSlot,
    Skip,
    RecordCreated,
]


def reconcile(
    plan: Plan,
    seen: list[Seen],
    created: frozenset[str],
    entries: frozenset[str] = frozenset(),
    commanded: frozenset[str] = frozenset(),
) -> list[Action]:
    """The actions of a boot, in their order.

    `created`: declared profiles that an earlier boot created. `entries`: what the scandir holds.
    `commanded`: profiles whose gateway the container's command asks for.
    """
    usable = [each for each in seen if not each.problem]
    new = _new_profiles(plan, seen, created)
    every = [*usable, *(Seen(name=name) for name in new)]
    ports = give_ports(plan, every)
    declared = frozenset(each.name for each in plan.profiles)
    actions: list[Action] = [RemoveSlot(entry) for entry in sorted(entries)]
    actions.extend(CreateProfile(name) for name in new)
    if declared - created:
        actions.append(RecordCreated(created | declared))
    for each in sorted(every, key=lambda one: (one.name != ROOT_PROFILE, one.name)):
        first = each.name not in created
        actions.extend(_bring_up(plan, each, ports[each.name], first, each.name in commanded))
    actions.extend(Skip(each.name, each.problem) for each in seen if each.problem)
    return actions


def give_ports(plan: Plan, seen: list[Seen]) -> dict[str, int | None]:
    """A port for each of these profiles; None where the range has none left."""
    declared = {each.name: each.port for each in plan.profiles}
    return assign_ports(declared, {each.name: each.port for each in seen}, plan.ports)


def _new_profiles(plan: Plan, seen: list[Seen], created: frozenset[str]) -> list[str]:
    """Declared, never created, and not in anybody's way."""
    there = {each.name for each in seen}
    return [p.name for p in plan.profiles if p.name not in created | there]


def _bring_up(
    plan: Plan, seen: Seen, port: int | None, first: bool, commanded: bool
) -> list[Action]:
    actions: list[Action] = [RemoveStale(seen.name, file) for file in seen.stale]
    wish = seen.wish
    wanted = decide_wish(plan, seen, first, commanded)
    if not wish.recorded or (wanted and not wish.wanted):
        actions.append(RecordWish(seen.name, wanted))
    if port is None:
        reason = "no-free-port"
        return [*actions, Skip(seen.name, reason, wish.prior, str(seen.last_exit))]
    if port != seen.port:
        actions.append(RecordPort(seen.name, port))
    slot = PlaceSlot(seen.name, port, wanted, wish.prior, str(seen.last_exit))
    return [*actions, slot]


def decide_wish(plan: Plan, seen: Seen, first: bool, commanded: bool) -> bool:
    """Whether the gateway is wanted.

    What a command recorded stands. Else a container's command that asks for it counts, then what
    an earlier boot recorded, then the older format, then the build at the profile's first boot.
    """
    wish = seen.wish
    if wish.recorded and wish.by_command:
        return wish.wanted
    damaged = wish.recorded and wish.prior not in ("running", "stopped")
    if damaged:
        return False
    if commanded:
        return True
    declared = plan.declared(seen.name)
    if not wish.recorded and wish.prior == "none" and first and declared is not None:
        return declared.start
    return wish.wanted
