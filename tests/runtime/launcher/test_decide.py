"""Desired and observed: what becomes of a shared container, what starts when, what is garbage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.runtime.launcher.decide import Action, Wanted, decide, find_leftovers, startable
from compiler.runtime.launcher.engine import Container, Network
from compiler.runtime.launcher.errors import LaunchError

WANTED = Wanted("db", "tong-db", "abc")
RUNNING = Container(
    "tong-db",
    "running",
    labels={"mooring.tong.name": "db", "mooring.tong.config-hash": "abc"},
)


@pytest.mark.parametrize(
    ("found", "told", "action"),
    [
        (None, True, Action.START),
        (RUNNING, True, Action.REUSE),
        (RUNNING, False, Action.RESTART_UNTOLD),
        (replace(RUNNING, status="exited"), True, Action.RESTART_STOPPED),
        (replace(RUNNING, status="created"), True, Action.RESTART_STOPPED),
        (replace(RUNNING, status="paused"), True, Action.RESTART_STOPPED),
        (
            replace(RUNNING, labels={**RUNNING.labels, "mooring.tong.config-hash": "x"}),
            True,
            Action.RESTART_STALE,
        ),
        (replace(RUNNING, labels={"mooring.tong.name": "db"}), True, Action.RESTART_STALE),
    ],
)
def test_action(found: Container | None, told: bool, action: Action) -> None:
    assert decide(WANTED, found, lambda: told) is action
    assert action.removes == action.name.startswith("RESTART")


@pytest.mark.parametrize("labels", [{}, {"mooring.tong.name": "other"}])
def test_what_is_not_ours_is_not_touched(labels: dict[str, str]) -> None:
    with pytest.raises(LaunchError, match="another container named tong-db"):
        decide(WANTED, replace(RUNNING, labels=labels), lambda: True)


def test_a_stopped_container_is_not_asked_whether_it_was_told() -> None:
    def ask() -> bool:
        raise AssertionError

    assert decide(WANTED, replace(RUNNING, status="exited"), ask) is Action.RESTART_STOPPED


@pytest.mark.parametrize(
    ("waiting", "ready", "starts"),
    [("abc", "", "a"), ("bc", "a", "b"), ("bc", "", ""), ("c", "ab", "c"), ("", "abc", "")],
)
def test_what_may_start(waiting: str, ready: str, starts: str) -> None:
    needs = {"a": (), "b": ("a",), "c": ("a", "b")}
    assert startable(list(waiting), needs, set(ready)) == list(starts)


def test_leftovers_are_those_of_the_dead() -> None:
    containers = [
        Container("mine", "running", labels={"mooring.owner": "dead"}),
        Container("other", "running", labels={"mooring.owner": "alive"}),
        Container("shared", "running", labels={"mooring.tong.name": "db"}),
    ]
    networks = [Network("n", {"mooring.owner": "dead"}), Network("m", {})]
    found = find_leftovers(containers, networks, lambda owner: owner == "dead")
    assert (found.containers, found.networks) == (("mine",), ("n",))
    assert found
    assert not find_leftovers(containers, networks, lambda _: False)
