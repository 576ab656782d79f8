"""What a boot decides, as a table of (home, scandir) -> actions."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.runtime.supervisor.names import derive_port
from compiler.runtime.supervisor.profiles import LastExit, Seen
from compiler.runtime.supervisor.reconcile import (
    Action,
    CreateProfile,
    PlaceSlot,
    RecordCreated,
    RecordPort,
    RecordWish,
    RemoveSlot,
    RemoveStale,
    Skip,
    reconcile,
)
from compiler.runtime.supervisor.wish import Wish
from tests.runtime.supervisor.plans import declare, make_plan


def wish(prior: str, *, wanted: bool | None = None, recorded: bool = True, **by: bool) -> Wish:
    return Wish(
        wanted=prior == "running" if wanted is None else wanted,
        prior=prior,
        recorded=recorded,
        by_command=by.get("by_command", recorded),
    )


RUNNING, STOPPED = wish("running"), wish("stopped")
BY_BOOT = wish("stopped", by_command=False)
CORRUPT = wish("corrupt", by_command=False)
NONE = wish("none", recorded=False)
DRAINING = wish("draining", wanted=True, recorded=False)
HOME = Seen(name="default", wish=STOPPED, port=9200)
AT_HOME = PlaceSlot("default", 9200, False, "stopped", "none")
CODER = declare("coder", 9300, start=True)


def coder(**changes: Any) -> Seen:
    return Seen(**{"name": "coder", "wish": RUNNING, "port": 9300, **changes})


def placed(wanted: bool, prior: str, last_exit: str = "none", port: int = 9300) -> PlaceSlot:
    return PlaceSlot("coder", port, wanted, prior, last_exit)


# What the home has beside the root profile, what else there is, and what follows but for its slot.
TABLE: list[tuple[str, list[Seen], dict[str, Any], list[Action]]] = [
    ("nothing", [], {}, []),
    ("wanted", [coder()], {}, [placed(True, "running")]),
    ("stopped", [coder(wish=STOPPED)], {}, [placed(False, "stopped")]),
    (
        "given up while starting keeps its wish",
        [coder(last_exit=LastExit(code=78, verdict="gave-up"))],
        {},
        [placed(True, "running", "gave-up")],
    ),
    (
        "crashed last",
        [coder(last_exit=LastExit(code=3, verdict="crashed"))],
        {},
        [placed(True, "running", "exit:3")],
    ),
    (
        "killed last",
        [coder(last_exit=LastExit(signal=9, verdict="crashed"))],
        {},
        [placed(True, "running", "signal:9")],
    ),
    ("damaged is down, and stays damaged", [coder(wish=CORRUPT)], {}, [placed(False, "corrupt")]),
    (
        "never seen is down, and on record",
        [coder(wish=NONE)],
        {},
        [RecordWish("coder", False), placed(False, "none")],
    ),
    (
        "the older format is read once",
        [coder(wish=DRAINING)],
        {},
        [RecordWish("coder", True), placed(True, "draining")],
    ),
    (
        "stale files go before the start",
        [coder(stale=("gateway.pid", "processes.json"))],
        {},
        [
            RemoveStale("coder", "gateway.pid"),
            RemoveStale("coder", "processes.json"),
            placed(True, "running"),
        ],
    ),
    (
        "no profile",
        [Seen(name="x y", problem="bad-name"), Seen(name="default", problem="reserved-name")],
        {},
        [Skip("x y", "bad-name"), Skip("default", "reserved-name")],
    ),
    (
        "what stands in the scandir goes first",
        [coder()],
        {"entries": frozenset({"gateway-old", "gateway-coder"})},
        [RemoveSlot("gateway-coder"), RemoveSlot("gateway-old"), placed(True, "running")],
    ),
    (
        "declared and new",
        [],
        {"profiles": [CODER]},
        [
            CreateProfile("coder"),
            RecordCreated(frozenset({"coder"})),
            RecordWish("coder", True),
            RecordPort("coder", 9300),
            placed(True, "none"),
        ],
    ),
    (
        "declared and deleted",
        [],
        {"profiles": [CODER], "created": frozenset({"coder"})},
        [],
    ),
    (
        "declared, and its name is in use",
        [Seen(name="coder", problem="symlink")],
        {"profiles": [CODER]},
        [RecordCreated(frozenset({"coder"})), Skip("coder", "symlink")],
    ),
    (
        "declared, and there from before",
        [coder(wish=STOPPED)],
        {"profiles": [CODER]},
        [RecordCreated(frozenset({"coder"})), placed(False, "stopped")],
    ),
    (
        "declared later than it was made, and never started",
        [coder(wish=NONE)],
        {"profiles": [CODER], "created": frozenset({"coder"})},
        [RecordWish("coder", False), placed(False, "none")],
    ),
    (
        "the port that others were told",
        [coder(port=9555)],
        {"profiles": [CODER], "created": frozenset({"coder"})},
        [RecordPort("coder", 9300), placed(True, "running")],
    ),
    (
        "the container's command asks for it",
        [coder(wish=NONE)],
        {"commanded": frozenset({"coder"})},
        [RecordWish("coder", True), placed(True, "none")],
    ),
    (
        "the same after a boot without such a command",
        [coder(wish=BY_BOOT)],
        {"commanded": frozenset({"coder"})},
        [RecordWish("coder", True), placed(True, "stopped")],
    ),
    (
        "the same, but an operator stopped it",
        [coder(wish=STOPPED)],
        {"commanded": frozenset({"coder"})},
        [placed(False, "stopped")],
    ),
    (
        "the same, but its record is damaged",
        [coder(wish=CORRUPT)],
        {"commanded": frozenset({"coder"})},
        [placed(False, "corrupt")],
    ),
]


@pytest.mark.parametrize(
    ("seen", "more", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_a_boot(seen: list[Seen], more: dict[str, Any], expected: list[Action]) -> None:
    plan = make_plan(profiles=more.pop("profiles", []) if "profiles" in more else [])
    created = more.get("created", frozenset())
    rest = {key: more[key] for key in ("entries", "commanded") if key in more}
    actions = reconcile(plan, [HOME, *seen], created, **rest)
    assert AT_HOME in actions
    assert [each for each in actions if each != AT_HOME] == expected


def test_a_port_that_is_not_to_be_had_costs_one_profile_its_slot() -> None:
    plan = make_plan(ports={"first": 9200, "last": 9201})
    seen = [HOME, *(Seen(name=name, wish=RUNNING) for name in ("a", "b"))]
    actions = reconcile(plan, seen, frozenset())
    assert Skip("b", "no-free-port", "running") in actions
    assert PlaceSlot("a", 9201, True, "running", "none") in actions


def test_the_root_profile_comes_first_and_has_a_port_of_its_own() -> None:
    plan = make_plan()
    actions = reconcile(plan, [Seen(name="default"), coder(port=None)], frozenset())
    places = [each for each in actions if isinstance(each, PlaceSlot)]
    assert [each.name for each in places] == ["default", "coder"]
    assert places[0].port == derive_port("default", plan.ports, ())
