"""launch.sh and `mooring launch` do the same: over the plans of fixtures, and over made-up ones."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from compiler import contracts
from compiler.ir.launch_plan import LaunchPlan
from compiler.ir.sidecars import Harness
from compiler.ir.tong import Tong
from compiler.passes.launch.lower import LaunchSettings, lower_launch
from tests.launch_parity import (
    DIFFERENCES,
    Emitted,
    Json,
    emit,
    find_disorder,
    run_live,
    run_script,
)
from tests.tongs import make_tong

SEEDS = range(6)
CASES = sorted((Path(__file__).parent.parent / "fixtures/ok").glob("*/expected/launch/plan.json"))
HARNESSES = (None, *Harness)
MODES: tuple[Json, ...] = (
    {"mode": "tcp"},
    {"mode": "healthcheck"},
    {"mode": "healthcheck", "command": ["true", "it's"]},
    {"mode": "none"},
)


def make_tongs(rolls: random.Random, count: int) -> list[Tong]:
    """Tongs of every kind, each of which may need those before it."""
    tongs: list[Tong] = []
    for number in range(count):
        name = f"t{number}"
        tongs.append(make_tong(json.dumps(definition(rolls, number)), name))
    return tongs


def definition(rolls: random.Random, number: int) -> Json:
    kind = rolls.choice(("mcp", "port", "volume", "none"))
    interface: Json = {"kind": kind}
    if kind == "mcp":
        interface |= {"name": f"server-{number}", "port": 8000 + number}
    elif kind == "port":
        interface |= {"port": 8000 + number}
    elif kind == "volume":
        interface |= {"volume": f"v{number}", "mountpoint": f"/data{number}"}
    modes = MODES if kind in ("mcp", "port") else MODES[1:]
    made: Json = {
        "lifecycle": rolls.choice(("session", "shared")),
        "image": f"image:{number}",
        "interface": interface,
        "readiness": rolls.choice(modes),
        "depends_on": [f"t{n}" for n in range(number) if rolls.random() < 0.3],
    }
    return {**made, **{key: v for key, v in extras(number).items() if rolls.random() < 0.5}}


def extras(number: int) -> Json:
    return {
        "env": {"PLAIN": "a $b 'c'", "TOKEN": f"x${{secret:op:a/b:{number}}}y${{secret:v:z}}"},
        "entrypoint": ["/bin/it's", "-x"],
        "command": ["serve", "a b", "$HOME", "--name", "x"],
        "networks": ["corp"],
        "resources": {"memory": "64m", "pids": 10},
        "user": "1000",
    }


def make_plan(seed: int) -> LaunchPlan:
    rolls = random.Random(seed)
    tongs = make_tongs(rolls, rolls.randrange(3, 7))
    argv = ["docker", "run", "--rm", "-e", "A=b c", "harness:1", "work", "--name", "it's"]
    settings = LaunchSettings(
        argv=argv, harness=rolls.choice(HARNESSES), prefix=contracts.TONG_PREFIX
    )
    return lower_launch("made-up", tongs, settings)


def state_of(plan: LaunchPlan, rolls: random.Random) -> Json:
    """An engine that has networks, and some of the shared tongs: running, stopped or stale."""
    containers: dict[str, Any] = {}
    for tong in plan.tongs:
        if tong.lifecycle.value == "shared" and rolls.random() < 0.7:
            labels = {
                contracts.LABEL_TONG: tong.name,
                contracts.LABEL_HASH: rolls.choice((tong.config_hash, tong.config_hash, "x")),
            }
            status = rolls.choice(("running", "running", "exited"))
            found = {"labels": labels, "status": status, "code": 0, "networks": ["mooring-tongs"]}
            containers["".join(tong.container)] = found
    return {"containers": containers, "networks": {"corp": {}}}


def compare(emitted: Emitted, folder: Path, script: Json, state: Json) -> None:
    """The same calls with the same words and input, in orders that respect the dependencies."""
    shell = run_script(emitted, folder / "shell", script, state)
    live = run_live(emitted, folder / "live", script, state)
    told = f"{shell.err}\n---\n{live.err}"
    assert shell.code == live.code == script.get("harness", 0), told
    assert sorted(shell.calls) == sorted(live.calls), told
    assert shell.given == live.given
    assert shell.state == live.state
    assert find_disorder(emitted.plan, shell.calls) == []
    assert find_disorder(emitted.plan, live.calls) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_made_up_plans(seed: int, tmp_path: Path) -> None:
    plan = make_plan(seed)
    rolls = random.Random(seed)
    script: Json = {"harness": rolls.choice((0, 7))}
    state = state_of(plan, rolls)
    if rolls.random() < 0.5:
        script["untold"] = list(state["containers"])
    compare(emit(plan), tmp_path, script, state)


@pytest.mark.parametrize("case", CASES, ids=[case.parts[-4] for case in CASES])
def test_fixtures(case: Path, tmp_path: Path) -> None:
    """What was committed, on an engine that has nothing but the networks that are somebody's."""
    plan = json.loads(case.read_text())
    script = (case.parent / "launch.sh").read_text()
    networks: Json = {each["name"]: {} for each in plan["networks"] if each["existing"]}
    state = {"containers": {}, "networks": networks}
    compare(Emitted(plan=plan, script=script), tmp_path, {"harness": 3}, state)


def test_there_are_fixtures() -> None:
    assert CASES


def test_made_up_plans_have_everything() -> None:
    """Otherwise the test above would hold what it never meets."""
    tongs = [tong for seed in SEEDS for tong in make_plan(seed).tongs]
    assert {tong.readiness.mode.value for tong in tongs} == {"tcp", "healthcheck", "none"}
    for shared in (True, False):
        those = [tong for tong in tongs if (tong.lifecycle.value == "shared") is shared]
        assert any(tong.secrets and tong.inspect for tong in those)
        assert any(tong.secrets and not tong.inspect for tong in those)
        assert any(tong.connect for tong in those)
        assert any(tong.depends_on for tong in those)
    assert any(make_plan(seed).files for seed in SEEDS)


@pytest.mark.parametrize("how", ["fails", "deaf", "ends"])
@pytest.mark.parametrize("shared", [False, True], ids=["session", "shared"])
def test_failures_leave_the_same(how: str, shared: bool, tmp_path: Path) -> None:
    """Which calls there are before the end depends on time; not how it ends, and what is left."""
    secret = {"env": {"TOKEN": "${secret:op:x}"}, "command": ["serve"]}
    base = {"image": "i", "interface": {"kind": "port", "port": 1}, **secret}
    first = make_tong(json.dumps({**base, "lifecycle": "shared"}), "first")
    kind = {"lifecycle": "shared" if shared else "session", "depends_on": ["first"]}
    second = make_tong(json.dumps({**base, **kind}), "second")
    settings = LaunchSettings(argv=["docker", "run", "h"], harness=None, prefix="X_")
    plan = emit(lower_launch("failing", [first, second], settings))
    state: Json = {"containers": {}, "networks": {}}
    runs = [
        run(plan, tmp_path / run.__name__, {how: ["second"]}, state)
        for run in (run_script, run_live)
    ]
    assert [run.code for run in runs] == [125, 125], [run.err for run in runs]
    assert runs[0].state == runs[1].state
    assert all("second" in run.err for run in runs)
    assert not [call for run in runs for call in run.calls if call[-1] == "h"]


def test_the_table_of_differences_covers_no_change() -> None:
    changes = [
        ("docker", "network", "create", "n"),
        ("docker", "network", "rm", "n"),
        ("docker", "network", "connect", "n", "c"),
        ("docker", "run", "-d", "--name", "c", "i"),
        ("docker", "run", "i"),
        ("docker", "exec", "-i", "c", "sh"),
        ("docker", "rm", "--force", "--volumes", "c"),
        ("docker", "pull", "i"),
    ]
    assert not [c for c in changes for each in DIFFERENCES if each.covers(c)]
    assert all(each.what and each.why for each in DIFFERENCES)
