"""Tongs beside a task, under Compose as Harbor starts it: who reaches and who awaits whom."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker import engine
from tests.docker.compose import Project, remove, running
from tests.docker.tasks import Build, compile_task

pytestmark = pytest.mark.docker
SECRET = "it's $HOME and 'more\" of it"
CONNECT = """\
import json, socket, sys
found = {}
for name in sys.argv[2:]:
    try:
        socket.create_connection((name, int(sys.argv[1])), 3).close()
        found[name] = "answers"
    except OSError as error:
        found[name] = type(error).__name__
print(json.dumps(found))
"""
SERVER = """\
import time, http.server as h
time.sleep(1.5)
h.HTTPServer(("", 8080), h.SimpleHTTPRequestHandler).serve_forever()
"""


def tong(name: str, **more: Any) -> dict[str, Any]:
    base = {
        "name": name,
        "lifecycle": "session",
        "image": engine.base_image(),
        "command": ["python3", "-c", SERVER],
        "interface": {"kind": "port", "port": 8080},
    }
    return base | more


def with_tongs(source: Path, build: Build) -> None:
    build["tongs"] = [
        tong(
            "hot",
            env={"TOKEN": "<${secret:vault:token}>"},
            mounts=["workspace:ro", "volume:kept:/kept"],
            aliases=["Warm"],
        ),
        tong(
            "late",
            interface={"kind": "none"},
            command=["sh", "-c", "sleep 2; touch /ready; sleep 600"],
            readiness={"mode": "healthcheck", "command": ["test", "-e", "/ready"]},
            depends_on=["hot"],
        ),
    ]


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: str, run_prefix: str
) -> Iterator[Project]:
    scratch = tmp_path_factory.mktemp("tongs")
    task = compile_task(scratch, scratch / "served", with_tongs)
    variables = {"MOORING_SECRET_HOT__TOKEN": SECRET}
    with running(Project(name=f"{run_prefix}-served", task=task, variables=variables)) as project:
        yield project


def test_main_reaches_a_tong_by_each_of_its_names(served: Project) -> None:
    names = ("hot", "warm", "tong-hot")
    found = served.python("main", CONNECT, "8080", *names, user="agent")
    assert found == dict.fromkeys(names, "answers")
    environment = served.run("main", "env").stdout.decode().splitlines()
    assert {"MOORING_TONG_HOT_HOST=hot", "MOORING_TONG_HOT_PORT=8080"} <= set(environment)


def test_a_tong_reaches_main_and_not_the_evaluator_by_name_or_address(served: Project) -> None:
    serve = ["docker", "exec", "--detach", served.container("main")]
    subprocess.run([*serve, "python3", "-m", "http.server", "8000"], check=True)
    address = served.address("eval-sidecar", "eval")
    # It listens: main reaches it there.
    assert served.python("main", CONNECT, "8000", address) == {address: "answers"}
    main_there = served.address("main", "eval")
    targets = ("eval-sidecar", "runner", address, main_there)
    for name in ("tong-hot", "tong-late"):
        found = served.python(name, CONNECT, "8000", "main", *targets)
        assert found.pop("main") == "answers"
        assert "answers" not in found.values()
        assert set(found) == set(targets)


def test_a_secret_is_in_its_tong_alone(served: Project) -> None:
    held = served.run("tong-hot", "printenv", "TOKEN").stdout.decode()
    assert held == f"<{SECRET}>\n"
    for service in ("main", "eval-sidecar", "runner", "tong-late"):
        assert "secret" not in served.run(service, "env").stdout.decode().lower()
        assert SECRET not in str(served.inspect(service))


def test_the_workspace_is_the_candidates_and_the_volume_its_own(served: Project) -> None:
    served.run("main", "sh", "-c", "echo seen >/work/agent/note", user="agent")
    assert served.run("tong-hot", "cat", "/workspace/note").stdout == b"seen\n"
    mounts = {m["Destination"]: m for m in served.inspect("tong-hot")["Mounts"]}
    assert not mounts["/workspace"]["RW"]
    assert mounts["/kept"]["Name"] == f"{served.name}_tong_kept"


def test_main_waited_for_every_tong(served: Project) -> None:
    started = served.inspect("main")["State"]["StartedAt"]
    gate = served.inspect("tong-hot-ready")["State"]
    assert (gate["Status"], gate["ExitCode"]) == ("exited", 0)
    assert gate["FinishedAt"] < served.inspect("tong-late")["State"]["StartedAt"] < started
    assert served.inspect("tong-late")["State"]["Health"]["Status"] == "healthy"


DEAF = tong("deaf", command=["sleep", "600"], readiness={"timeout": 2})
BROKEN = tong(
    "broken",
    command=["sh", "-c", "echo broken on purpose; exit 9"],
    readiness={"mode": "healthcheck", "command": ["true"], "timeout": 2},
)


@pytest.mark.parametrize(
    ("faulty", "said", "service", "logged"),
    [
        (DEAF, "tong-deaf-ready", "tong-deaf-ready", "the tong deaf is not ready after 2 s"),
        (BROKEN, "exited (9)", "tong-broken", "broken on purpose"),
    ],
    ids=["deaf", "broken"],
)
def test_a_tong_that_is_not_ready_fails_the_start_with_its_name(
    tmp_path: Path,
    run_prefix: str,
    faulty: dict[str, Any],
    said: str,
    service: str,
    logged: str,
) -> None:
    name = faulty["name"]

    def change(source: Path, build: Build) -> None:
        build["tongs"] = [faulty]

    task = compile_task(tmp_path, tmp_path / name, change)
    project = Project(name=f"{run_prefix}-{name}", task=task)
    try:
        project.build()
        done = project.compose("up", "--detach", "--wait", "--no-build", check=False)
        assert done.returncode != 0
        assert said in done.stderr.decode()
        assert f"tong-{name}" in done.stderr.decode()
        assert logged in project.compose("logs", service).stdout.decode()
        assert project.inspect("main")["State"]["Status"] == "created"
    finally:
        remove(project)
