"""What the agent in main reaches: labels, finalising, results, root's own files, other services."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.docker import workshop
from tests.docker.compose import Project
from tests.redteam.arena import NEEDLES, go_to_baseline, put_kit
from tests.redteam.attempts import Attempt, all_refused, none_done

docker = pytest.mark.docker


def held_in_proc(report: dict[str, str]) -> bool:
    return len(report) > 10 and set(report.values()) <= {"EACCES", "EPERM", "ENOENT", "ESRCH"}


def held_as_user(report: dict[str, Any]) -> bool:
    """Programs with the setuid bit are there in any image; here they give nothing."""
    status = report["status"]
    none = all(int(status[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapAmb"))
    return none and status["NoNewPrivs"] == "1" and all_refused(report["outcomes"])


ATTEMPTS = (
    Attempt(
        name="labels_in_files",
        tries="reads every file, name and link of main, and /proc of every process",
        gain="a label, a hidden id or question, the scorer or the secret is there; or a socket",
        held=lambda seen: seen["found"] == {} and seen["files"] > 1000 and seen["sockets"] == [],
        gained={"found": {"6c": ["/tmp/x"]}, "files": 2000, "sockets": []},
    ),
    Attempt(
        name="labels_over_http",
        tries="asks for what the evaluator lists, and for paths of its files",
        gain="an answer holds something hidden, or a path beyond the interface is answered",
        held=lambda seen: seen == {"found": [], "answered": [], "control": 200},
        gained={"found": [], "answered": ["/data/test.jsonl"], "control": 200},
    ),
    Attempt(
        name="labels_in_proc",
        tries="environment, memory, files and traces of all processes of other users",
        gain="one of them opens",
        held=held_in_proc,
        gained={**{f"/proc/{n}/environ": "EACCES" for n in range(20)}, "/proc/1/mem": "done"},
    ),
    Attempt(
        name="secrets_in_environment",
        tries="its own environment",
        gain="a secret of the evaluator is in it",
        held=lambda seen: seen == [],
        gained=["x"],
    ),
    Attempt(
        name="finalise_over_http",
        tries="nineteen paths with three methods on the evaluator's port",
        gain="one is answered otherwise than by a refusal, or the session is sealed",
        held=lambda seen: seen == {"answered": {}, "sealed": False},
        gained={"answered": {"POST /finalize": 200}, "sealed": False},
    ),
    Attempt(
        name="finalise_by_command",
        tries="the evaluator's and the verifier's commands in main",
        gain="one succeeds, or a reward file comes of it",
        held=lambda seen: not seen["reward"] and set(seen["codes"].values()) <= {2, 3},
        gained={"codes": {"finalize": 0}, "reward": False},
    ),
    Attempt(
        name="sockets",
        tries="the places of Docker's, the evaluator's and the runner's sockets",
        gain="one takes a connection",
        held=none_done,
        gained={"/run/docker.sock": "done"},
    ),
    Attempt(
        name="write_results",
        tries="makes, renames and rewrites results, remounts their volume, lists what is staged",
        gain="any of it succeeds",
        held=lambda seen: none_done(seen) and len(seen) > 6,
        gained={**{f"{n}": "EROFS" for n in range(9)}, "remount": "done"},
    ),
    Attempt(
        name="write_roots_own",
        tries="the command, interpreters, shells and settings that root's test.sh will use",
        gain="one opens for writing, or one that would come first on PATH can be made",
        held=lambda seen: none_done(seen) and len(seen) > 20,
        gained={**{f"{n}": "EACCES" for n in range(25)}, "/usr/local/bin/mooring": "done"},
    ),
    Attempt(
        name="become_root",
        tries="setuid, groups, namespaces, raw sockets, devices",
        gain="a right that the user does not have by itself",
        held=held_as_user,
        gained={
            "status": {"NoNewPrivs": "0", "CapEff": "0", "CapPrm": "0", "CapAmb": "0"},
            "outcomes": {"setuid": "EPERM"},
        },
    ),
    Attempt(
        name="names_of_others",
        tries="the names of services that are not main's to reach",
        gain="the runner or the host has a name",
        held=lambda seen: seen == {
            "runner": "unknown name", "gateways": "unknown name", "main": "done",
            "eval-sidecar": "done", "host.docker.internal": "unknown name",
        },
        gained={"runner": "done"},
    ),
    Attempt(
        name="ports_of_evaluator",
        tries="a thousand ports of the evaluator",
        gain="another than its own takes a connection",
        held=lambda seen: seen == [8000],
        gained=[22, 8000],
    ),
    Attempt(
        name="engine_on_gateways",
        tries="the Docker API on the host's addresses",
        gain="it takes a connection",
        held=none_done,
        gained={"172.17.0.1:2375": "done"},
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def reports(arena: Project) -> dict[str, Any]:
    """What the agent's kit found, after evaluations on a viewable and a hidden split."""
    go_to_baseline(arena)
    workshop.evaluate(arena, "validation")
    put_kit(arena)
    argv = ("python3", "/tmp/kit/agent.py", "/tmp/kit/targets.json")
    found: dict[str, Any] = json.loads(arena.run("main", *argv, user="agent").stdout)
    return found


@docker
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_nothing_is_gained(attempt: Attempt, reports: dict[str, Any]) -> None:
    attempt.check(reports[attempt.name])


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_a_gain_would_be_noticed(attempt: Attempt) -> None:
    assert not attempt.held(attempt.gained)


@docker
def test_the_same_kit_finds_everything_in_the_evaluator(arena: Project) -> None:
    """The control: the kit, run as root where the labels are, sees and opens what it looks for."""
    names = ("agent.py", "sight.py", "targets.json")
    for name in names:
        content = arena.run("main", "cat", f"/tmp/kit/{name}").stdout
        arena.run("eval-sidecar", "tee", f"/tmp/{name}", text=content)
    wanted = ("labels_in_files", "secrets_in_environment", "sockets", "labels_in_proc")
    argv = ("python3", "/tmp/agent.py", "/tmp/targets.json", *wanted)
    try:
        found = json.loads(arena.run("eval-sidecar", *argv).stdout)
    finally:
        arena.run("eval-sidecar", "rm", *(f"/tmp/{name}" for name in names))
    assert set(found["labels_in_files"]["found"]) == {needle.hex() for needle in NEEDLES}
    assert found["secrets_in_environment"] == [workshop.SECRET.decode()]
    assert found["sockets"]["/state/admin/control.sock"] == "done"
    assert found["sockets"]["/run/mooring/runner.sock"] == "done"


@docker
def test_the_kit_notices_what_root_may_write(arena: Project) -> None:
    """The control: in a container of main's image without its options, root's own files open."""
    put_kit(arena)
    kit = arena.run("main", "tar", "-C", "/tmp", "-c", "kit").stdout
    script = (
        "tar -C /tmp -x && python3 /tmp/kit/agent.py /tmp/kit/targets.json"
        " write_roots_own become_root"
    )
    name = f"{arena.name}-control"
    argv = ("run", "--rm", "-i", "--name", name, "--network=none", arena.image("main"))
    done = run_docker(*argv, "sh", "-c", script, text=kit)
    found = json.loads(done)
    assert not none_done(found["write_roots_own"])
    assert not held_as_user(found["become_root"])


def run_docker(*argv: str, text: bytes) -> bytes:
    words = ["docker", *argv]
    done = subprocess.run(words, input=text, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
