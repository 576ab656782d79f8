"""launch.sh and the live launcher, on one plan and an engine that only remembers: the same calls.

What may differ stands in DIFFERENCES, and is how each looks at the engine. What changes it
(networks, containers, deliveries, the anvil) must be the same words, each in an order that the
dependencies allow.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compiler.runtime.launcher.owner import own_place
from tests.commands import call_mooring, exit_code
from tests.fixture_cases import OK
from tests.projects import render
from tests.targets.launch import fake_docker

SESSION = "session-1"
SECONDS = 60.0
type Json = dict[str, Any]
type Call = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """How a launch ended, what it told the engine, what it delivered to whom, and what is left."""

    code: int
    calls: list[Call]
    delivered: dict[str, bytes]
    left: Json
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Calls in which the two may differ, and why."""

    what: str
    why: str
    covers: Callable[[Call], bool]


DIFFERENCES = (
    Difference(
        what="questions: inspect, ls, logs",
        why="the script asks for one value of one container, the launcher for all of many at once",
        covers=lambda call: call[1] in ("inspect", "ls") or call[0] == "logs",
    ),
    Difference(
        what="checks in a container: exec that delivers nothing",
        why="how often one is tried depends on time; whether secrets arrived the launcher asks "
        "once more, before it asks a provider",
        covers=lambda call: call[0] == "exec" and call[1] != "-i",
    ),
    Difference(
        what="the container that tries ports",
        why="the script's is asked again and again, the launcher's tries all by itself and tells",
        covers=lambda call: any(word == "SESSION-probe" for word in call),
    ),
    Difference(
        what="pulls",
        why="the launcher fetches what is missing before anything is started, the script where it "
        "has to know what an image runs",
        covers=lambda call: call[0] == "pull",
    ),
)


class Desk:
    """A compiled launch, and engines to run it on."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        out = folder / "out"
        done = call_mooring(["compile", str(source), "-o", str(out), "-q"])
        assert exit_code(done) == 0, done.output
        self.launch = out / "launch"
        self.plan: Json = json.loads((self.launch / "plan.json").read_text("utf-8"))
        self.held = {
            part["from"]: f"it's {part['reference']}\n$x"
            for tong in self.plan["tongs"]
            for secret in tong["secrets"]
            for part in secret["parts"]
            if "from" in part
        }
        binaries = folder / "bin"
        binaries.mkdir()
        fake = binaries / "docker"
        fake.write_text(f'#!/bin/sh\nexec {sys.executable} -S {fake_docker.__file__} "$@"\n')
        fake.chmod(0o755)

    def state(self, containers: Json, fates: Json, networks: Json) -> Json:
        existing: Json = {n["name"]: {} for n in self.plan["networks"] if n["existing"]}
        return {"containers": containers, "networks": existing | networks, "fates": fates}

    def run(
        self,
        how: str,
        containers: Json,
        fates: Json | None = None,
        networks: Json | None = None,
    ) -> Launched:
        engine = self.folder / how
        engine.mkdir()
        (engine / "log").touch()
        state = self.state(containers, fates or {}, networks or {})
        (engine / "state.json").write_text(json.dumps(state))
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(engine),
            "FAKE_DOCKER": str(engine),
            "MOORING_SESSION": SESSION,
            "LANG": "C.UTF-8",
        }
        argv, more = self._script() if how == "script" else self._live(engine)
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        calls = [tuple(json.loads(line)) for line in (engine / "log").read_text().splitlines()]
        return Launched(
            code=done.returncode,
            calls=normal(calls),
            delivered={
                plain(path.name, calls): path.read_bytes() for path in engine.glob("delivered-*")
            },
            left=json.loads(plain((engine / "state.json").read_text("utf-8"), calls)),
            said=done.stderr.decode(),
        )

    def _script(self) -> tuple[list[str], Json]:
        return [str(self.launch / "launch.sh")], self.held

    def _live(self, engine: Path) -> tuple[list[str], Json]:
        table = engine / "providers.yaml"
        providers = {
            part["provider"]: ["printf", "it's %s\\n$x\\n", "{ref}"]
            for tong in self.plan["tongs"]
            for secret in tong["secrets"]
            for part in secret["parts"]
            if "from" in part
        }
        table.write_text(json.dumps(providers) if providers else "{}", "utf-8")
        argv = [
            sys.executable,
            "-m",
            "compiler",
            "launch",
            "--plan",
            str(self.launch / "plan.json"),
        ]
        options = ["--workspace", str(self.folder), "--providers", str(table), "--no-prompt"]
        return [*argv, *options], {"PYTHONPATH": str(OK.parent.parent)}


def session_of(calls: list[Call]) -> tuple[str, str]:
    """The session and owner that the calls name; both are the launch's own."""
    text = json.dumps(calls)
    session = re.search(r'"mooring\.session=([^"]*)"', text)
    owner = re.search(r'"mooring\.owner=([^"]*)"', text)
    return (session[1] if session else SESSION, owner[1] if owner else "nobody")


def plain(text: str, calls: list[Call]) -> str:
    session, owner = session_of(calls)
    text = text.replace(session, "SESSION").replace(owner, "OWNER")
    # The folder of the plan's files: the script's own, or a temporary one.
    return re.sub(r"^/\S*/(mcp|gemini-settings)\.json:", r"FILES/\1.json:", text)


def normal(calls: list[Call]) -> list[Call]:
    """The calls that change something, without what is each launch's own."""
    found: list[Call] = []
    for call in calls:
        words = tuple(plain(word, calls) for word in call)
        if words[0] == "rm":
            found.extend(("rm", *words[1:3], name) for name in words[3:])
        else:
            found.append(words)
    return [call for call in found if not any(each.covers(call) for each in DIFFERENCES)]


def check_order(plan: Json, calls: list[Call]) -> None:
    """Networks, then tongs after what they need, each delivered to and joined, then the anvil."""
    anvil = next(i for i, call in enumerate(calls) if call[0] == "run" and "-d" not in call)
    runs = {name_of(call): i for i, call in enumerate(calls) if call[0] == "run" and "-d" in call}
    for i, call in enumerate(calls):
        if call[:2] == ("network", "create"):
            assert all(i < at for at in (*runs.values(), anvil))
        if call[0] == "exec":
            assert runs[call[2]] < i < anvil
        if call[:2] == ("network", "connect"):
            assert runs.get(call[-1], -1) < i < anvil
        if call[:2] in (("network", "disconnect"), ("network", "rm")):
            assert i > anvil
    names = {tong["name"]: plain_word(tong["container"]) for tong in plan["tongs"]}
    for tong in plan["tongs"]:
        for needed in tong["depends_on"]:
            mine, other = runs.get(names[tong["name"]]), runs.get(names[needed])
            assert mine is None or other is None or other < mine
    assert all(at < anvil for at in runs.values())


def name_of(call: Call) -> str:
    return call[call.index("--name") + 1]


def plain_word(word: str | list[Any]) -> str:
    if isinstance(word, str):
        return word
    return "".join(p if isinstance(p, str) else p["hole"].upper() for p in word)


def found_before(desk: Desk, how: str) -> Json:
    """Containers that the engine has already."""
    shared = [tong for tong in desk.plan["tongs"] if tong["lifecycle"] == "shared"]
    return {
        tong["container"]: {
            "running": how != "stopped",
            "labels": {
                "mooring.tong.name": tong["name"],
                "mooring.tong.config-hash": "f" * 64 if how == "stale" else tong["config_hash"],
            },
            "networks": ["mooring-tongs"],
        }
        for tong in shared
        if how != "nothing"
    }


def compare(desk: Desk, before: Json, fates: Json | None = None) -> Launched:
    script, live = desk.run("script", before, fates), desk.run("live", before, fates)
    assert (script.code, live.code) == (fake_docker.ANVIL_CODE,) * 2, script.said + live.said
    assert Counter(script.calls) == Counter(live.calls)
    assert script.delivered == live.delivered
    assert script.left == live.left
    check_order(desk.plan, script.calls)
    check_order(desk.plan, live.calls)
    return script


@pytest.mark.parametrize(
    ("case", "how"),
    [("launch", "nothing"), ("launch", "running"), ("tongs", "stale"), ("tongs", "stopped")],
)
def test_fixtures(case: str, how: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, OK / case / "input")
    script = compare(desk, found_before(desk, how))
    made = {name_of(call) for call in script.calls if call[0] == "run" and "-d" in call}
    expected = {
        plain_word(tong["container"])
        for tong in desk.plan["tongs"]
        if tong["lifecycle"] == "session" or how != "running"
    }
    assert made == expected
    holders = {plain_word(t["container"]) for t in desk.plan["tongs"] if t["secrets"]}
    assert set(script.delivered) == {f"delivered-{name}" for name in holders & expected}
    for text in script.delivered.values():
        assert text.endswith(b"mooring_complete=yes\n")


def made_up(seed: int) -> Json:
    """A build with tongs of every kind, as chance has it; each depends on some before it."""
    chance = random.Random(seed)
    awkward = ["plain", "two words", "it's", '"', "$x", "a\\b", "*", "", "-x", "ä", "line\nbreak"]
    tongs: list[Json] = []
    for i in range(chance.randint(1, 6)):
        kind = chance.choice(["mcp", "port", "volume", "none"])
        shared = chance.random() < 0.4
        interface: Json = {"kind": kind}
        if kind in ("mcp", "port"):
            interface |= {"port": chance.randint(1, 65535)}
        if kind == "mcp":
            interface |= {"name": f"server{i}"}
        if kind == "volume":
            interface |= {"volume": f"volume{i}", "mountpoint": f"/volume/{i}"}
        tong: Json = {
            "name": f"tong-{i}",
            "lifecycle": "shared" if shared else "session",
            "image": f"image{i}:1",
            "interface": interface,
            "env": {f"V{j}": chance.choice(awkward) for j in range(chance.randint(0, 3))},
        }
        if chance.random() < 0.5:
            tong["env"]["SECRET"] = f"${{secret:p:ref {i}}}{chance.choice(awkward)}"
        for key in ("entrypoint", "command"):
            if chance.random() < 0.4:
                tong[key] = ["program", *chance.choices(awkward, k=2)]
        if kind not in ("mcp", "port") or chance.random() < 0.3:
            tong["readiness"] = {"mode": "healthcheck", "command": ["check", *awkward]}
        if chance.random() < 0.3:
            tong["networks"] = ["outside"]
        if not shared and chance.random() < 0.3:
            tong["mounts"] = ["workspace:/w:ro", f"volume:kept{i}:/kept"]
        before = [t["name"] for t in tongs if not shared or t["lifecycle"] == "shared"]
        tong["depends_on"] = chance.sample(before, min(len(before), chance.randint(0, 2)))
        tongs.append(tong)
    anvil: Json = {"image": "harness:1", "argv": ["harness", *awkward]}
    harness = chance.choice([None, "claude", "codex", "opencode", "gemini", "generic"])
    if harness:
        anvil["harness"] = harness
    if chance.random() < 0.3:
        anvil["network"] = "office"
    return {"name": "acme/chance", "tongs": tongs, "anvil": anvil}


@pytest.mark.parametrize("seed", range(6))
def test_plans_by_chance(seed: int, tmp_path: Path) -> None:
    source = tmp_path / "input"
    source.mkdir()
    (source / "build.yaml").write_text(render(made_up(seed)), "utf-8")
    desk = Desk(tmp_path, source)
    compare(desk, found_before(desk, random.Random(seed).choice(["nothing", "stale", "running"])))


HOT = {
    "lifecycle": "shared",
    "image": "image:1",
    "interface": {"kind": "port", "port": 1},
    "env": {"TOKEN": "${secret:p:x}"},
    "command": ["serve"],
}


def write_build(folder: Path, *tongs: Json) -> Desk:
    (folder / "input").mkdir()
    build = {"name": "acme/two", "tongs": list(tongs), "anvil": {"image": "harness:1"}}
    (folder / "input/build.yaml").write_text(render(build), "utf-8")
    return Desk(folder, folder / "input")


def test_a_shared_tong_that_was_never_told_is_made_anew(tmp_path: Path) -> None:
    """It runs, and its hash is right; a launch that was killed left it waiting."""
    desk = write_build(tmp_path, {"name": "hot", **HOT})
    script = compare(desk, found_before(desk, "running"), {"untold": ["hot"]})
    verbs = [call[0] for call in script.calls if call[0] in ("rm", "run", "exec")]
    assert verbs == ["rm", "run", "exec", "run"]


@pytest.mark.parametrize("fate", ["fails", "ends", "deaf"])
@pytest.mark.parametrize("lifecycle", ["session", "shared"])
def test_a_failure_leaves_the_same(fate: str, lifecycle: str, tmp_path: Path) -> None:
    """Which calls there are before the end depends on time; not how it ends, and what stays."""
    second = {**HOT, "name": "second", "lifecycle": lifecycle, "depends_on": ["first"]}
    desk = write_build(tmp_path, {"name": "first", **HOT}, second)
    ended = [desk.run(how, {}, {fate: ["second"]}) for how in ("script", "live")]
    assert [each.code for each in ended] == [125, 125], ended
    assert ended[0].left == ended[1].left
    assert [name.rpartition("-")[2] for name in ended[0].left["containers"]] == ["first"]
    assert all("tong second" in each.said for each in ended)
    assert not [c for each in ended for c in each.calls if c[0] == "run" and "-d" not in c]


@pytest.mark.parametrize("labels", [{}, {"mooring.tong.name": "hotter"}])
@pytest.mark.parametrize("running", [True, False])
def test_a_container_that_is_not_the_tong_s_stays(
    labels: dict[str, str], running: bool, tmp_path: Path
) -> None:
    """Even where its hash is right."""
    desk = write_build(tmp_path, {"name": "hot", **HOT})
    before = found_before(desk, "running" if running else "stopped")
    before["mooring-tong-hot"]["labels"].pop("mooring.tong.name")
    before["mooring-tong-hot"]["labels"].update(labels)
    for how in ("script", "live"):
        done = desk.run(how, before)
        assert done.code == 125
        assert done.left["containers"] == before
        assert not [call for call in done.calls if call[0] in ("rm", "run", "exec")]
        assert "tong hot: there is another container named mooring-tong-hot" in done.said


def test_the_script_leaves_a_shared_tong_that_another_launch_has_just_made(tmp_path: Path) -> None:
    """There was none when it looked, and there is one when it would make its own."""
    desk = write_build(tmp_path, {"name": "hot", **HOT})
    before = found_before(desk, "running")
    done = desk.run("script", before, {"unseen": ["mooring-tong-hot"]})
    assert done.code == 125
    assert "run" in [call[0] for call in done.calls]
    assert done.left["containers"] == before
    assert not [call for call in done.calls if call[0] == "rm"]


def session_of_another() -> Json:
    labels = {"mooring.session": SESSION, "mooring.owner": "other"}
    return {f"{SESSION}-tong-x": {"running": True, "labels": labels, "networks": []}}


def test_the_script_refuses_a_session_that_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path, OK / "launch" / "input")
    done = desk.run("script", session_of_another())
    assert (done.code, done.calls) == (125, [])
    assert list(done.left["containers"]) == ["SESSION-tong-x"]
    assert f"there are containers of the session {SESSION} already" in done.said


def test_the_script_leaves_a_session_that_is_faster(tmp_path: Path) -> None:
    """Its network is there; its containers come while the second script looks."""
    desk = write_build(tmp_path, {"name": "hot", **HOT, "lifecycle": "session"})
    networks = {f"{SESSION}-tongs": {"mooring.session": SESSION}}
    # Its containers are there when this launch ends, and were not when it looked.
    done = desk.run("script", session_of_another(), {"late": ["x"]}, networks)
    assert done.code == 125
    assert [call[:2] for call in done.calls] == [("network", "create")]
    assert list(done.left["containers"]) == ["SESSION-tong-x"]
    assert list(done.left["networks"]) == ["SESSION-tongs"]


def test_both_name_their_owner_alike(tmp_path: Path) -> None:
    desk = write_build(tmp_path, {"name": "hot", **HOT, "lifecycle": "session"})
    hosts = []
    for how in ("script", "live"):
        desk.run(how, {})
        log = (tmp_path / how / "log").read_text("utf-8")
        _, owner = session_of([tuple(json.loads(line)) for line in log.splitlines()])
        hosts.append(owner.rsplit(":", 2)[0])
    here = own_place()
    assert hosts == [f"{here.host}:{here.boot}:{here.namespace}"] * 2


def test_the_table_of_differences_covers_no_change() -> None:
    changes = [
        *(("network", verb, "n", "c") for verb in ("create", "rm", "connect", "disconnect")),
        ("run", "-d", "--name", "c", "i"),
        ("run", "i"),
        ("exec", "-i", "c", "sh"),
        ("rm", "--force", "--volumes", "c"),
    ]
    assert not [call for call in changes for each in DIFFERENCES if each.covers(call)]


def test_a_missing_secret_stops_the_script_before_anything(tmp_path: Path) -> None:
    desk = Desk(tmp_path, OK / "launch" / "input")
    desk.held = {}
    done = desk.run("script", {})
    assert (done.code, done.calls) == (125, [])
    assert "MOORING_SECRET_SEARCH__API_KEY" in done.said
