"""A whole launch on an engine in memory: the order of things, and every way to fail."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from compiler.runtime.launcher.decide import NAME_LABEL, OWNER_LABEL, SESSION_LABEL
from compiler.runtime.launcher.engine import Container, Network
from compiler.runtime.launcher.errors import LaunchError
from compiler.runtime.launcher.launch import Options
from compiler.runtime.launcher.lock import Lock
from compiler.runtime.launcher.owner import own_place
from compiler.runtime.launcher.providers import decode_providers
from compiler.runtime.launcher.read_plan import decode_plan
from compiler.runtime.launcher.run import run_launch
from tests.runtime.launcher.fakes import IMAGE, FakeEngine, FakeProcess
from tests.runtime.launcher.plans import (
    TOLD,
    Json,
    harness,
    healthcheck,
    make_plan,
    make_tong,
    secret,
    tcp,
)

TABLE = {"p": ["printf", "%s", "value-of-{ref}"], "broken": ["false", "{ref}"]}
HASH = {"mooring.tong.config-hash": "0" * 64}


@dataclass
class House:
    """One user's launches."""

    home: Path
    engine: FakeEngine = field(default_factory=FakeEngine)
    said: list[str] = field(default_factory=list)
    ask: Callable[[Sequence[str]], bool] | None = None
    say: Callable[[str], None] | None = None

    def launch(self, tongs: Sequence[Json], **other: Any) -> int:
        image = other.pop("probe_image", IMAGE)
        argv = other.pop("argv", harness(IMAGE, "work"))
        plan = decode_plan(make_plan(tongs, argv, image, **other))
        options = Options(
            workspace=str(self.home),
            home=str(self.home),
            providers=decode_providers(TABLE, "table"),
            secret_seconds=20,
            ask=self.ask,
            say=self.say or self.said.append,
        )
        return run_launch(self.engine, plan, options)

    def calls(self, *first: str) -> list[tuple[str, ...]]:
        """The changes that start with one of the words, the session's name taken out."""
        session = next((c[1][:-6] for c in self.engine.calls if c[0] == "network create"), "\0")
        cut = [tuple(w.replace(session, "S") for w in c) for c in self.engine.calls]
        return [call for call in cut if not first or call[0] in first]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def hot(name: str = "hot", provider: str = "p", **other: Any) -> Json:
    return make_tong(name, IMAGE, ["serve"], secrets={"TOKEN": [secret(provider, "x")]}, **other)


def shared(name: str = "db", **other: Any) -> Json:
    return make_tong(
        name, IMAGE, [], shared=f"tong-{name}", shared_network="mooring-tongs", **other
    )


def running(name: str, **labels: str) -> Container:
    marks = {NAME_LABEL: name, **HASH, **labels}
    return Container(f"tong-{name}", "running", labels=marks, networks={"mooring-tongs": ()})


def test_order(house: House) -> None:
    house.engine.open_ports.add("web 80")
    tongs = [hot(), make_tong("web", IMAGE, [], readiness=tcp("web", 80), depends_on=["hot"])]
    house.engine.process = FakeProcess(7)
    assert house.launch(tongs) == 7
    assert [call[:2] for call in house.calls() if call[0] != "converse"] == [
        ("network create", "S-tongs"),
        ("run", "S-tong-hot"),
        ("deliver", "S-tong-hot"),
        ("run", "S-tong-web"),
        ("attach", "docker"),
        ("rm", "S-tong-hot"),
        ("rm", "S-tong-web"),
        ("network rm", "S-tongs"),
    ]
    assert house.engine.delivered == [b"export TOKEN='value-of-x'\nmooring_complete=yes\n"]
    assert (house.engine.there, house.engine.networks) == ({}, {})


def test_a_shared_tong_that_runs_is_reused_and_its_secrets_stay_unasked(house: House) -> None:
    house.engine.there["tong-hot"] = running("hot")
    tong = hot(provider="broken", shared="tong-hot", shared_network="mooring-tongs")
    assert house.launch([tong]) == 0
    assert not house.calls("run", "deliver", "rm")
    joined = ("network", "connect", "--alias", "hot", "S-tongs", "tong-hot")
    assert house.calls("network") == [joined]
    assert house.engine.there["tong-hot"].is_running


@pytest.mark.parametrize(
    "found",
    [
        Container("tong-hot", "exited", labels={NAME_LABEL: "hot", **HASH}),
        Container("tong-hot", "running", labels={NAME_LABEL: "hot"}),
        running("hot"),
    ],
    ids=["stopped", "stale", "never told"],
)
def test_recreated(house: House, found: Container) -> None:
    house.engine.there["tong-hot"] = found
    house.engine.refused.add(f"docker exec tong-hot /bin/sh -c {TOLD}")
    tong = hot(shared="tong-hot", shared_network="mooring-tongs")
    assert house.launch([tong]) == 0
    assert [call[:2] for call in house.calls("rm", "run", "deliver")] == [
        ("rm", "tong-hot"),
        ("run", "tong-hot"),
        ("deliver", "tong-hot"),
    ]
    assert any("made anew: its container " in line for line in house.said)
    assert set(house.engine.there) == {"tong-hot"}


def test_two_launches_make_one_network(house: House) -> None:
    """The second waits for the first, and looks again."""
    networks = [{"name": "both", "owned": False, "existing": False}]
    first = Lock(str(house.home / "locks"), "network-both")
    assert first.acquire(lambda: False, lambda: None)
    asked = threading.Event()
    has_network = house.engine.has_network

    def look(name: str) -> bool:
        found = has_network(name)
        asked.set()
        return found

    house.engine.has_network = look  # type: ignore[method-assign]

    def finish() -> None:
        assert asked.wait(20)
        house.engine.networks["both"] = Network("both")
        first.release()

    other = threading.Thread(target=finish)
    other.start()
    assert house.launch([hot()], networks=networks) == 0
    other.join()
    assert "network create" not in {call[0] for call in house.engine.calls}


def test_a_shared_tong_on_the_network_already_is_not_joined_again(house: House) -> None:
    """A harness that has a network of its own: the second launch finds the tong there."""
    house.engine.networks["corp"] = Network("corp")
    found = running("db")
    house.engine.there["tong-db"] = replace(found, networks={"corp": ()})
    join = ["docker", "network", "connect", "--alias", "db", "corp", "tong-db"]
    networks = [{"name": "corp", "owned": False, "existing": True}]
    assert house.launch([shared(join=join, leave=None)], networks=networks) == 0
    assert not house.calls("network")
    house.engine.there["tong-db"] = found
    assert house.launch([shared(join=join, leave=None)], networks=networks) == 0
    assert house.calls("network") == [tuple(join[1:])]


def test_a_container_of_somebody_else_stays(house: House) -> None:
    house.engine.there["tong-db"] = Container("tong-db", "running")
    assert house.launch([shared()]) == 125
    assert house.engine.calls == []


@pytest.mark.parametrize(
    ("tong", "told"),
    [
        (hot(provider="unknown"), "no secret provider"),
        (hot(provider="broken"), "ended with code 1"),
        (make_tong("a", "absent", []), "cannot pull"),
        ({**make_tong("a", IMAGE, []), "untrusted": True}, "needs approval"),
    ],
)
def test_nothing_is_started_before_all_is_known(
    house: House, tong: Json, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    house.engine.refused.add("absent")
    assert house.launch([make_tong("fine", IMAGE, []), tong]) == 125
    assert [call for call in house.engine.calls if call[0] != "pull"] == []
    assert told in capsys.readouterr().err


def test_failures_name_the_tong_and_show_its_last_lines(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    tong = make_tong("web", IMAGE, [], readiness=tcp("web", 80, seconds=0.3))
    assert house.launch([make_tong("fine", IMAGE, []), tong]) == 125
    told = capsys.readouterr().err
    assert "tong web: not ready within 0.3 s" in told
    assert "last line of mooring-" in told
    assert (house.engine.there, house.engine.networks) == ({}, {})
    assert not house.calls("attach")


@pytest.mark.parametrize("cause", ["exits", "deaf", "fails"])
def test_a_shared_tong_that_never_was_ready_goes(house: House, cause: str) -> None:
    """What is half made would be taken for a whole one by the next launch."""
    if cause == "exits":
        house.engine.ends["tong-hot"] = 3
    elif cause == "deaf":
        house.engine.deaf.add("tong-hot")
    else:
        house.engine.fails["tong-hot"] = LaunchError("no such device")
    tongs = [shared("db"), hot(shared="tong-hot", shared_network="n", depends_on=["db"])]
    assert house.launch(tongs) == 125
    assert set(house.engine.there) == {"tong-db"}
    assert set(house.engine.networks) == {"mooring-tongs", "n"}


def test_images_without_a_shell_are_refused_clearly(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    tong = hot(shared="tong-hot", shared_network="n")
    line = 'exec: "/bin/sh": stat /bin/sh: no such file or directory'
    house.engine.fails["tong-hot"] = LaunchError("docker run ended with code 127", lines=[line])
    assert house.launch([tong]) == 125
    assert "tong hot: the image image has no /bin/sh" in capsys.readouterr().err
    assert house.engine.there == {}


def test_a_name_that_somebody_takes_meanwhile_is_looked_at_again(house: House) -> None:
    """Two users on one engine: each has locks of their own."""
    engine = house.engine

    def run(argv: Sequence[str]) -> None:
        if "tong-db" not in engine.there:
            engine.there["tong-db"] = running("db")
        FakeEngine.run(engine, argv)

    engine.run = run  # type: ignore[method-assign]
    assert house.launch([shared()]) == 0
    assert len(house.calls("run")) == 1
    assert any("reused" in line for line in house.said)


def test_existing_networks_are_needed_and_never_made(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = [{"name": "corp", "owned": False, "existing": True}]
    assert house.launch([make_tong("a", IMAGE, [])], networks=networks) == 125
    assert "no network corp" in capsys.readouterr().err
    assert not house.calls("network create", "run")


@pytest.mark.parametrize(
    ("tools", "image", "asked"), [(["", ""], IMAGE, 2), (["nothing", ""], IMAGE, 2), ([], "", 0)]
)
def test_without_a_probe_a_container_that_runs_is_ready(
    house: House, tools: list[str], image: str, asked: int
) -> None:
    house.engine.tools = tools
    tongs = [make_tong(name, IMAGE, [], readiness=tcp(name, 80)) for name in ("a", "b")]
    assert house.launch(tongs, probe_image=image) == 0
    assert len([line for line in house.said if "counts as ready" in line]) == 1
    assert len(house.calls("converse")) == asked


def test_a_port_is_tried_while_others_wait_for_another_launch(house: House) -> None:
    """That launch holds their locks, and is through only once the tong with the port is ready."""
    locks = [Lock(str(house.home / "locks"), f"tong-{name}") for name in ("a", "b")]
    assert all(lock.acquire(lambda: False, lambda: None) for lock in locks)
    house.engine.open_ports.add("web 80")

    def say(line: str) -> None:
        house.said.append(line)
        if line.startswith("tong web: ready"):
            for lock in locks:
                lock.release()

    house.say = say
    web = make_tong("web", IMAGE, [], readiness=tcp("web", 80, seconds=30))
    assert house.launch([shared("a"), shared("b"), web]) == 0
    assert next(line for line in house.said if "ready after" in line).startswith("tong web:")


def test_the_second_probe_needs_no_shell(house: House) -> None:
    house.engine.tools, house.engine.open_ports = ["", "python3"], {"a 80"}
    assert house.launch([make_tong("a", IMAGE, [], readiness=tcp("a", 80))]) == 0
    assert [call[1] for call in house.calls("converse")] == ["/bin/sh", "python3"]
    assert not [line for line in house.said if "counts as ready" in line]


def test_healthchecks(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    own = make_tong("own", IMAGE, [], shared="own", readiness=healthcheck("own", None))
    command = make_tong("cmd", IMAGE, [], shared="cmd", readiness=healthcheck("cmd", ["true"], 0.5))
    house.engine.health["own"] = "healthy"
    assert house.launch([own, command]) == 0
    house.engine.there.clear()
    house.engine.refused.add("docker exec cmd true")
    assert house.launch([own, command]) == 125
    assert (
        "tong cmd: not ready within 0.5 s (its check does not succeed)" in capsys.readouterr().err
    )


def test_what_a_dead_launch_left_goes_first(house: House) -> None:
    here = own_place()
    dead = f"{here.host}:{here.boot}:{here.namespace}:{2**22 + 1}:1"
    for name, owner in (("gone", dead), ("foreign", f"other{dead}")):
        labels = {NAME_LABEL: name, SESSION_LABEL: name, OWNER_LABEL: owner}
        house.engine.there[name] = Container(name, "running", labels=labels)
        house.engine.networks[f"{name}-tongs"] = Network(f"{name}-tongs", labels)
    assert house.launch([make_tong("a", IMAGE, [])]) == 0
    assert set(house.engine.there) == {"foreign"}
    assert set(house.engine.networks) == {"foreign-tongs"}
    assert [call[:2] for call in house.calls()][:2] == [
        ("rm", "gone"),
        ("network rm", "gone-tongs"),
    ]


def test_approval_is_kept_and_void_when_the_image_changes(house: House) -> None:
    tong = {**make_tong("a", "new", []), "untrusted": True}
    asked: list[Sequence[str]] = []
    house.ask = lambda lines: not asked.append(lines)  # type: ignore[func-returns-value]
    assert [house.launch([tong]), house.launch([tong])] == [0, 0]
    assert len(asked) == 1
    house.ask = None
    assert house.launch([tong]) == 0
    house.engine.images.discard("new")
    assert house.launch([tong]) == 125


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_while_the_harness_runs(house: House, number: int, code: int) -> None:
    house.engine.process = FakeProcess(None)
    engine = house.engine

    def attach(argv: Sequence[str]) -> FakeProcess:
        threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
        return engine.process

    engine.attach = attach  # type: ignore[method-assign]
    assert house.launch([make_tong("a", IMAGE, [])]) == code
    assert engine.process.signals == [number]
    assert (engine.there, engine.networks) == ({}, {})


def test_a_second_signal_does_not_stop_the_teardown(house: House) -> None:
    """The first comes while a tong is awaited, more of them with each removal."""
    engine = house.engine

    def remove(names: Sequence[str]) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        FakeEngine.remove(engine, names)

    engine.remove = remove  # type: ignore[method-assign]
    tong = make_tong("a", IMAGE, [], readiness=tcp("a", 80))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert house.launch([tong, shared()]) == 143
    assert set(engine.there) == {"tong-db"}
    assert set(engine.networks) == {"mooring-tongs"}


def test_a_teardown_that_hangs_can_be_interrupted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compiler.runtime.launcher.launch.TEARDOWN_SECONDS", 0.2)

    def remove(names: Sequence[str]) -> None:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        time.sleep(60)

    house.engine.remove = remove  # type: ignore[method-assign]
    began = time.monotonic()
    assert house.launch([make_tong("a", IMAGE, [])]) == 143
    assert time.monotonic() - began < 50


def test_a_signal_while_secrets_are_delivered(house: House) -> None:
    """A container that waits for them for ever goes, whether it is shared or not."""
    engine, removed = house.engine, threading.Event()

    def deliver(argv: Sequence[str], text: bytes) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert removed.wait(20)
        raise LaunchError("docker exec ended with code 137")

    def remove(names: Sequence[str]) -> None:
        FakeEngine.remove(engine, names)
        if "tong-hot" in names:
            removed.set()

    engine.deliver, engine.remove = deliver, remove  # type: ignore[method-assign]
    assert house.launch([hot(shared="tong-hot", shared_network="n"), hot("other")]) == 130
    assert engine.there == {}


def test_what_is_just_being_made_is_removed_too(house: House) -> None:
    engine = house.engine

    def run(argv: Sequence[str]) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.3)
        FakeEngine.run(engine, argv)

    engine.run = run  # type: ignore[method-assign]
    assert house.launch([shared("db"), make_tong("a", IMAGE, [])]) == 129
    assert (engine.there, set(engine.networks)) == ({}, {"mooring-tongs"})


def test_files_of_the_harness_are_there_and_gone(house: House) -> None:
    seen: list[str] = []
    engine = house.engine

    def attach(argv: Sequence[str]) -> FakeProcess:
        seen.extend([argv[-1], Path(argv[-1]).read_text()])
        return engine.process

    engine.attach = attach  # type: ignore[method-assign]
    argv = ["docker", "run", IMAGE, [{"hole": "files"}, "/mcp.json"]]
    files = [{"name": "mcp.json", "content": "{}\n"}]
    tongs = [make_tong("a", IMAGE, [])]
    assert house.launch(tongs, files=files, argv=argv) == 0
    assert seen[1] == "{}\n"
    assert not Path(seen[0]).exists()


def test_a_colon_in_the_workspace_is_refused(house: House, tmp_path: Path) -> None:
    house.home = tmp_path / "a:b"
    assert house.launch([make_tong("a", IMAGE, [])]) == 125
    assert house.engine.calls == []
