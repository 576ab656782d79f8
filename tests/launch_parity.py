"""Running a plan twice against a fake `docker`: by launch.sh, and by the live launcher."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from compiler.ir.launch_plan import LaunchPlan
from compiler.targets.launch.plan_json import lower_launch_plan
from compiler.targets.launch.script import render_script

ROOT: Final = Path(__file__).resolve().parent.parent
FAKE: Final = ROOT / "tests/fake_docker.py"
SESSION: Final = "mooring-parity"
SECONDS: Final = 120.0
_PROVIDER: Final = "import sys; sys.stdout.write(f'value of {sys.argv[1]}: {sys.argv[2]}')"

type Json = dict[str, Any]
type Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Calls in which the two may differ, and why."""

    what: str
    why: str
    covers: Callable[[Argv], bool]


def _is_asking(argv: Argv) -> bool:
    return argv[2:3] in (("inspect",), ("ls",)) or argv[1] == "logs"


def _is_check(argv: Argv) -> bool:
    return argv[1] == "exec" and "-i" not in argv


def _is_probe(argv: Argv) -> bool:
    return any(word == "S-probe" for word in argv)


DIFFERENCES: Final = (
    Difference(
        what="questions: inspect, ls, logs",
        why="the script asks for one value of one container, the launcher for all of many at once",
        covers=_is_asking,
    ),
    Difference(
        what="checks in a container: exec without input",
        why="how often one is tried depends on the time; whether secrets arrived is asked by both, "
        "by the launcher once more before it asks a provider",
        covers=_is_check,
    ),
    Difference(
        what="the container that knocks at ports",
        why="the script tries a port with a call each time; the launcher's container tries all by "
        "itself and tells",
        covers=_is_probe,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a launch ended, the changes it asked for in order, and what is left on the engine."""

    code: int
    calls: tuple[Argv, ...]
    given: dict[Argv, str]
    state: Json
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """A plan as it is written: as JSON, and as a script."""

    plan: Json
    script: str


def emit(plan: LaunchPlan) -> Emitted:
    return Emitted(plan=lower_launch_plan(plan), script=render_script(plan))


def run_script(emitted: Emitted, folder: Path, script: Json, state: Json) -> Run:
    """The plan by its launch.sh; its secrets are variables."""
    engine = _engine(folder, script, state)
    launch = folder / "launch"
    launch.mkdir()
    (launch / "launch.sh").write_text(emitted.script)
    for file in emitted.plan["files"]:
        (launch / file["name"]).write_text(file["content"])
    variables = {"MOORING_SESSION": SESSION}
    for tong in emitted.plan["tongs"]:
        for part in (part for secret in tong["secrets"] for part in secret["parts"]):
            if "from" in part:
                variables[part["from"]] = f"value of {part['provider']}: {part['reference']}"
    argv = ["sh", str(launch / "launch.sh")]
    return _run(argv, folder, engine, variables)


def run_live(emitted: Emitted, folder: Path, script: Json, state: Json) -> Run:
    """The plan by `mooring launch --plan`; its secrets come from a provider."""
    engine = _engine(folder, script, state)
    table = {"default": [sys.executable, "-I", "-S", "-c", _PROVIDER, "{provider}", "{ref}"]}
    (folder / ".mooring").mkdir()
    (folder / ".mooring/secret-providers.yaml").write_text(json.dumps(table))
    path = folder / "plan.json"
    path.write_text(json.dumps(emitted.plan))
    argv = [sys.executable, "-m", "compiler", "launch", "--plan", str(path)]
    return _run([*argv, "--workspace", str(folder)], folder, engine, {})


def _engine(folder: Path, script: Json, state: Json) -> Path:
    engine = folder / "engine"
    (folder / "bin").mkdir(parents=True)
    engine.mkdir()
    (engine / "script.json").write_text(json.dumps(script))
    (engine / "state.json").write_text(json.dumps(state))
    program = folder / "bin/docker"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S -B {FAKE} {engine} "$@"\n')
    program.chmod(0o755)
    return engine


def _run(argv: list[str], folder: Path, engine: Path, variables: dict[str, str]) -> Run:
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return _read(done.returncode, done.stderr, engine, folder)


def _read(code: int, err: str, engine: Path, folder: Path) -> Run:
    """What only one of the two can know by its name: session, owner, and folders."""
    log = engine / "calls"
    text = log.read_text() if log.exists() else ""
    found = re.search(r'"--label", "mooring\.session=([^"]+)"', text)
    session = found[1] if found else SESSION
    owner = re.search(r'"mooring\.owner=([^"]+)"', text)

    def plain(value: str) -> str:
        if owner is not None:
            value = value.replace(owner[1], "OWNER")
        value = re.sub(r"/[^ :]*/mooring-launch-[a-z0-9_]+", "FILES", value)
        value = value.replace(str(folder / "launch"), "FILES").replace(str(folder), "FOLDER")
        return value.replace(session, "S")

    calls: list[Argv] = []
    given: dict[Argv, str] = {}
    for call in map(json.loads, text.splitlines()):
        argv = tuple(map(plain, call["argv"]))
        covered = (any(d.covers(each) for d in DIFFERENCES) for each in _split(argv))
        calls.extend(e for e, c in zip(_split(argv), covered, strict=True) if not c)
        if call["given"] is not None:
            given[argv] = call["given"]
    state = json.loads(plain((engine / "state.json").read_text()))
    return Run(code=code, calls=tuple(calls), given=given, state=state, err=err)


def _split(argv: Argv) -> Iterator[Argv]:
    """A removal of several containers is one of each."""
    if argv[1] != "rm":
        yield argv
        return
    flags = [word for word in argv if word.startswith("-")]
    for name in argv[2:]:
        if not name.startswith("-"):
            yield ("docker", "rm", *flags, name)


def find_disorder(plan: Json, calls: Sequence[Argv]) -> list[str]:
    """Where an order of calls breaks a dependency: a tong before what it needs, a step of one tong
    before an earlier one, the harness before a tong, the end before the harness."""
    position = {call: index for index, call in enumerate(calls)}
    steps = {tong["name"]: _steps(tong, calls) for tong in plan["tongs"]}
    found = []
    harness = max((i for i, c in enumerate(calls) if c[1] == "run" and "-d" not in c), default=None)
    for tong in plan["tongs"]:
        mine = [position[step] for step in steps[tong["name"]]]
        if mine != sorted(mine):
            found.append(f"{tong['name']}: {mine} is not its order")
        needed = [position[step] for need in tong["depends_on"] for step in steps[need]]
        if mine and needed and min(mine) < max(needed):
            found.append(f"{tong['name']} begins before what it needs is through")
        if mine and harness is not None and max(mine) > harness:
            found.append(f"{tong['name']} is not through when the harness begins")
    made = [i for i, call in enumerate(calls) if call[1:3] == ("network", "create")]
    others = [i for i, call in enumerate(calls) if call[1] == "run"]
    if made and others and max(made) > min(others):
        found.append("a container is run before the networks are there")
    ends = [i for i, call in enumerate(calls) if call[1:3] == ("network", "rm")]
    if ends and harness is not None and min(ends) < harness:
        found.append("the network goes before the harness")
    return found


def _steps(tong: Json, calls: Sequence[Argv]) -> list[Argv]:
    """The calls that make a tong, in the order that they must have."""
    container = "".join(p if isinstance(p, str) else "S" for p in tong["container"])
    run = [call for call in calls if call[1:3] == ("run", "-d") and container in call]
    deliver = [call for call in calls if call[1:3] == ("exec", "-i") and call[3] == container]
    connect = [c for c in calls if c[1:3] == ("network", "connect") and c[-1] == container]
    return [*run, *deliver, *sorted(connect, key=lambda call: call[-2].startswith("S"))]
