"""Any sequence of commands, deaths and boots ends in what the last commands asked for.

The home and the slots are real folders, the commands and the boot the real ones; s6 is a model of
what it promises. The real one runs in the other modules.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.runtime.supervisor import s6
from compiler.runtime.supervisor.apply import apply
from compiler.runtime.supervisor.boot import HOME_STATE, decide
from compiler.runtime.supervisor.errors import ProfileExists, UnknownProfile
from compiler.runtime.supervisor.gateway import (
    await_ready,
    await_stopped,
    begin_restart,
    begin_start,
    begin_stop,
)
from compiler.runtime.supervisor.manager import need_profile
from compiler.runtime.supervisor.places import slot_folder
from compiler.runtime.supervisor.plan import Plan
from compiler.runtime.supervisor.prepare import prepare
from compiler.runtime.supervisor.profile_commands import create_profile, delete_profile
from compiler.runtime.supervisor.status import Status
from compiler.runtime.supervisor.status_view import view
from tests.runtime.supervisor.plans import declare, make_plan

NAMES = ("a", "b", "default")


@dataclass
class Service:
    """What s6-supervise knows."""

    wanted: bool
    pid: int
    stamp: int = 0


@dataclass
class Model:
    """s6-svscan and its children. A supervisor stays with its folder, whatever that is called."""

    scandir: str = ""
    services: dict[int, Service] = field(default_factory=dict)
    pids: int = 100

    def next_pid(self) -> int:
        self.pids += 1
        return self.pids

    def find(self, service: str) -> Service | None:
        folder = service.removesuffix("/log")
        try:
            return self.services.get(os.stat(folder).st_ino)
        except FileNotFoundError:
            return None

    def need(self, service: str) -> Service:
        found = self.find(service)
        if found is None:
            raise s6.NotSupervised(service)
        return found

    def rescan(self, scandir: str, letters: str) -> None:
        folders = [p for p in Path(scandir).iterdir() if not p.name.startswith(".")]
        if "n" in letters:
            there = {p.stat().st_ino for p in folders}
            self.services = {i: s for i, s in self.services.items() if i in there}
        for folder in folders:
            if folder.stat().st_ino not in self.services:
                for part in (folder, folder / "log"):
                    (part / "supervise").mkdir(exist_ok=True)
                    (part / "supervise" / "status").touch()
                up = not (folder / "down").exists()
                service = Service(wanted=up, pid=self.next_pid() if up else 0)
                self.services[folder.stat().st_ino] = service

    def command(self, slot: str, letters: str) -> None:
        service = self.need(slot)
        service.stamp += 1
        down = Path(slot, "down")
        if "D" in letters:
            down.touch()
            service.wanted, service.pid = False, 0
        if "U" in letters:
            down.unlink(missing_ok=True)
            service.wanted = True
            service.pid = service.pid or self.next_pid()
        if "r" in letters and service.pid:
            service.pid = self.next_pid()

    def read_status(self, slot: str) -> Status:
        service = self.need(slot)
        flags = (4 if service.wanted else 0) | (8 if service.pid else 0)
        return Status(service.stamp.to_bytes(12, "big"), service.pid, 1 << 8, flags)

    def die(self, slot: str, *, for_good: bool) -> None:
        """A death of the gateway, which is mended, or given up."""
        service = self.find(slot)
        if service is not None and service.pid:
            service.stamp += 1
            service.pid = 0 if for_good else self.next_pid()
            service.wanted = not for_good


@contextlib.contextmanager
def modelled() -> Iterator[Model]:
    model = Model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s6, "is_scanned", lambda scandir: scandir == model.scandir)
        patch.setattr(s6, "is_supervised", lambda service: model.find(service) is not None)
        for name in ("rescan", "command", "read_status"):
            patch.setattr(s6, name, getattr(model, name))
        yield model


@dataclass
class Expected:
    """What the operator has asked for so far."""

    wanted: dict[str, bool]
    gave_up: set[str] = field(default_factory=set)

    def states(self) -> dict[str, str]:
        return {
            name: "stopped" if not wanted else "gave-up" if name in self.gave_up else "running"
            for name, wanted in self.wanted.items()
        }


def boot(plan: Plan, model: Model) -> None:
    """What a start of the container does, up to s6-svscan's first look."""
    model.services.clear()
    assert prepare(plan) == []
    Path(plan.scandir, HOME_STATE).touch()
    actions, _ = decide(plan, [])
    _, failed = apply(plan, actions)
    assert failed == []
    model.scandir = plan.scandir
    model.rescan(plan.scandir, "a")


def step(plan: Plan, model: Model, expected: Expected, what: str, name: str) -> None:
    """One thing that happens, in the world and in what is expected of it."""
    there = name in expected.wanted
    if what == "boot":
        boot(plan, model)
        expected.gave_up.clear()
    elif what in ("die", "fatal"):
        model.die(slot_folder(plan, name), for_good=what == "fatal")
        if what == "fatal" and expected.states().get(name) == "running":
            expected.gave_up.add(name)
    elif what == "create":
        with pytest.raises(ProfileExists) if there else contextlib.nullcontext():
            create_profile(plan, name, start=False)
        expected.wanted.setdefault(name, False)
    elif what in ("delete", "keep"):
        if name == "default":
            return
        with contextlib.nullcontext() if there else pytest.raises(UnknownProfile):
            delete_profile(plan, name, keep_data=what == "keep")
        expected.wanted.pop(name, None)
        expected.gave_up.discard(name)
    else:
        with contextlib.nullcontext() if there else pytest.raises(UnknownProfile):
            tell(plan, what, name)
            expected.wanted[name] = what != "stop"
            expected.gave_up.discard(name)


def tell(plan: Plan, what: str, name: str) -> None:
    need_profile(plan, name)
    if what == "stop":
        assert begin_stop(plan, name) is None
        await_stopped(plan, name)
    else:
        begin = begin_start if what == "start" else begin_restart
        await_ready(plan, begin(plan, name), 5, print)


STEPS = st.sampled_from(
    ("boot", "die", "fatal", "create", "delete", "keep", "start", "stop", "restart")
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STEPS, st.sampled_from(NAMES)), max_size=25), st.booleans())
def test_the_last_commands_decide(steps: list[tuple[str, str]], start: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, modelled() as model:
        plan = make_plan(
            home=f"{folder}/home",
            scandir=f"{folder}/service",
            profiles=[declare("a", 9300, start=start)],
        )
        expected = Expected(wanted={"default": False, "a": start})
        boot(plan, model)
        for what, name in steps:
            step(plan, model, expected, what, name)
            assert_is(plan, model, expected)
        boot(plan, model)
        expected.gave_up.clear()
        assert_is(plan, model, expected)


def assert_is(plan: Plan, model: Model, expected: Expected) -> None:
    found = {name: view(plan, name, supervised=True).state for name in expected.wanted}
    assert found == expected.states()
    slots = {p.name for p in Path(plan.scandir).iterdir() if not p.name.startswith(".")}
    assert slots == {f"gateway-{name}" for name in expected.wanted}
    assert len(model.services) == len(expected.wanted)
