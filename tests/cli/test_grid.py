"""`mooring run` with several builds, agents or models, before a Harbor that does as it is told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Mooring
from tests.projects import write_project, write_project_b

ROOT = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).with_name("fake_harbor.py")
MISSING = {
    "verifier_result": None,
    "exception_info": {"exception_type": "RewardFileNotFoundError", "exception_message": "none"},
}

type Fake = Callable[[dict[str, Any]], Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A `harbor` on PATH that does as it is told; gives the place of its script."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "harbor").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    (programs / "harbor").chmod(0o755)
    script = tmp_path / "script.json"
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_HARBOR", str(script))
    monkeypatch.setenv("MOORING_JOB_NAME", "job")
    monkeypatch.chdir(tmp_path)

    def tell(told: dict[str, Any]) -> Path:
        script.write_text(json.dumps(told))
        return script

    return tell


@pytest.fixture
def builds(tmp_path: Path) -> list[Path]:
    return [
        write_project(tmp_path / name, {"name": f"org/{name}"}) for name in ("sums", "products")
    ]


def test_it_is_one_job_of_agents_by_models_by_tasks(
    mooring: Mooring, fake: Fake, builds: list[Path], tmp_path: Path
) -> None:
    script = fake({})
    words = ["run", *builds, "-a", "one", "-a", "my.agent:Own", "-m", "p/m1", "-m", "p/m2"]
    ended = mooring(*words, "--", "-n", "3")
    assert ended.code == 0, ended.err
    config = json.loads(script.with_suffix(".config").read_text())
    assert config["tasks"] == [{"path": "tasks/sums"}, {"path": "tasks/products"}]
    assert config["agents"] == [
        {"name": name, "model_name": model}
        for name in ("one", "my.agent:Own")
        for model in ("p/m1", "p/m2")
    ]
    assert config["environment"] == {"type": "docker"}
    assert (config["n_attempts"], config["retry"]) == (1, {"max_retries": 0})
    called = json.loads(script.with_suffix(".words").read_text())
    assert called["words"] == [
        "run", "--config", "run/job.yaml", "--jobs-dir", str(tmp_path / "jobs"),
        "--job-name", "job", "--yes", "--quiet", "-n", "3",
    ]  # fmt: skip
    assert not Path(called["cwd"]).exists()


def test_it_ends_with_a_table_and_a_file(
    mooring: Mooring, fake: Fake, builds: list[Path], tmp_path: Path
) -> None:
    fake(
        {
            "org/sums one p/m": {"verifier_result": {"rewards": {"reward": 1}},
                                 "agent_result": {"cost_usd": 0.25}},
            "org/sums two p/m": MISSING,
            "org/products two p/m": {
                "exception_info": {"exception_type": "AgentTimeoutError", "exception_message": ""}
            },
        }
    )  # fmt: skip
    ended = mooring("run", *builds, "-a", "one", "-a", "two", "-m", "p/m")
    assert ended.code == 3
    assert [re.split("  +", line) for line in ended.out.splitlines()] == [
        ["task", "agent", "model", "mean", "scored", "failures", "cost", "time"],
        ["org/sums", "one", "p/m", "1.0000", "1/1", "-", "$0.25", "1m 30s"],
        ["org/sums", "two", "p/m", "-", "0/1", "machinery: 1 RewardFileNotFoundError", "-",
         "1m 30s"],
        ["org/products", "one", "p/m", "0.5000", "1/1", "-", "-", "1m 30s"],
        ["org/products", "two", "p/m", "0.5000", "1/1", "-", "-", "1m 30s"],
    ]  # fmt: skip
    assert ended.err.splitlines() == [
        "[1/4] org/sums one p/m: reward 1.0000, 1m 30s, $0.25",
        "[2/4] org/sums two p/m: failed (machinery): RewardFileNotFoundError: none, 1m 30s",
        "[3/4] org/products one p/m: reward 0.5000, 1m 30s",
        "[4/4] org/products two p/m: reward 0.5000 (and AgentTimeoutError), 1m 30s",
        f"results: {tmp_path / 'jobs/job'}",
    ]
    document = json.loads((tmp_path / "jobs/job/grid.json").read_text())
    assert [cell["means"] for cell in document["cells"]] == [
        {"reward": 1.0}, {}, {"reward": 0.5}, {"reward": 0.5},
    ]  # fmt: skip
    assert document["cells"][1] == {
        "task": "org/sums", "agent": "two", "model": "p/m", "trials": 1, "scored": 0, "missing": 0,
        "means": {}, "failures": {"machinery": {"RewardFileNotFoundError": 1}},
        "cost_usd": None, "mean_seconds": 90.0,
    }  # fmt: skip
    assert document["problem"] is None
    assert [trial["rewards"] for trial in document["trials"]] == [
        {"reward": 1.0}, None, {"reward": 0.5}, {"reward": 0.5},
    ]  # fmt: skip


def test_a_trial_that_never_ran_is_missed(
    mooring: Mooring, fake: Fake, builds: list[Path], tmp_path: Path
) -> None:
    """Harbor's job ends as a whole when the environment of one task cannot be made."""
    fake({"org/products one -": None, "code": 1})
    ended = mooring("run", *builds, "-a", "one", "--", "-k", "2")
    assert ended.code == 3
    assert "org/products  one    -      -       0/2     never ran: 2" in ended.out
    assert "mooring: harbor ended with code 1\nworking\n" in ended.err
    document = json.loads((tmp_path / "jobs/job/grid.json").read_text())
    assert document["problem"] == "harbor ended with code 1"
    assert [(c["trials"], c["missing"]) for c in document["cells"]] == [(2, 0), (0, 2)]


def test_it_can_be_kept(mooring: Mooring, fake: Fake, builds: list[Path], tmp_path: Path) -> None:
    script = fake({})
    ended = mooring("run", builds[0], "-a", "one", "-o", tmp_path / "kept")
    assert ended.code == 0, ended.err
    assert (tmp_path / "kept/tasks/sums/task.toml").is_file()
    assert (tmp_path / "kept/run/job.yaml").read_text().startswith("# Written by `mooring run`")
    assert json.loads(script.with_suffix(".words").read_text())["cwd"] == str(tmp_path / "kept")
    os.environ["MOORING_JOB_NAME"] = "another"
    assert mooring("run", builds[0], "-a", "two", "-o", tmp_path / "kept").code == 0
    assert mooring("run", builds[0], "-a", "two", "-o", builds[0].parent / "agent/x").code == 4


def test_quiet_says_the_table_alone(mooring: Mooring, fake: Fake, builds: list[Path]) -> None:
    fake({})
    ended = mooring("run", *builds, "-a", "one", "-q")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("\n") == 3


def test_names_that_end_alike_get_folders_of_their_own(
    mooring: Mooring, fake: Fake, tmp_path: Path
) -> None:
    script = fake({})
    one = write_project(tmp_path / "one", {"name": "org/sums"})
    two = write_project(tmp_path / "two", {"name": "lab/sums"})
    assert mooring("run", one, two, "-a", "a").code == 0
    tasks = json.loads(script.with_suffix(".config").read_text())["tasks"]
    assert tasks == [{"path": "tasks/org__sums"}, {"path": "tasks/lab__sums"}]


def test_what_is_wrong_is_told_before_harbor(
    mooring: Mooring, fake: Fake, builds: list[Path], tmp_path: Path
) -> None:
    script = fake({})
    wrong = write_project(tmp_path / "wrong", {"mode": "Z"})
    also = write_project(tmp_path / "also", {"selection_split": "none"})
    ended = mooring("run", *builds, wrong, also, "-a", "one")
    assert (ended.code, ended.out) == (2, "")
    assert "wrong/build.yaml:3:7: error[MOR113]" in ended.err
    assert "also/build.yaml:10:18: error[MOR200]" in ended.err
    for words, said in (
        ([builds[0], builds[0]], "2 builds are named org/sums"),
        ([*builds, "--", "-a", "two"], "-a cannot stand behind `--` here"),
        ([*builds, "--", "--jobs-dir=x"], "--jobs-dir cannot stand behind `--` here"),
    ):
        ended = mooring("run", "-a", "one", *words)
        assert (ended.code, ended.out) == (2, "")
        assert said in ended.err
    assert not script.with_suffix(".words").exists()


def test_a_job_of_that_name_is_left_alone(
    mooring: Mooring, fake: Fake, builds: list[Path], tmp_path: Path
) -> None:
    script = fake({})
    (tmp_path / "jobs/job").mkdir(parents=True)
    ended = mooring("run", *builds, "-a", "one")
    assert ended.code == 3
    assert "is there already" in ended.err
    assert not script.with_suffix(".words").exists()


def test_a_grid_needs_its_secrets(
    mooring: Mooring, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = fake({})
    build = write_project_b(tmp_path / "b")
    for name in ("MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"):
        monkeypatch.delenv(name, raising=False)
    ended = mooring("run", build, "-a", "one", "-a", "two")
    assert ended.code == 2
    assert "MODAL_TOKEN_ID MODAL_TOKEN_SECRET" in ended.err
    assert not script.with_suffix(".words").exists()


def tong(reference: str) -> dict[str, Any]:
    return {
        "name": "vault",
        "description": "Holds a key.",
        "lifecycle": "session",
        "image": "busybox:1.37",
        "command": ["sleep", "infinity"],
        "interface": {"kind": "port", "port": 1},
        "readiness": {"mode": "none"},
        "env": {"KEY": f"${{secret:pass:{reference}}}"},
    }


def test_the_tongs_secrets_reach_harbor_alone(
    mooring: Mooring, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = fake({})
    (tmp_path / ".mooring").mkdir()
    table = tmp_path / ".mooring/secret-providers.yaml"
    table.write_text("default: [printf, '%s', 'got-{ref}']\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    builds = [
        write_project(tmp_path / name, {"name": f"org/{name}", "tongs": [tong(reference)]})
        for name, reference in (("one", "a/b"), ("two", "a/b"), ("other", "c/d"))
    ]
    words = ["run", *builds[:2], "-a", "x", "-o", tmp_path / "kept"]
    ended = mooring(*words)
    assert ended.code == 0, ended.err
    called = json.loads(script.with_suffix(".words").read_text())
    assert list(called["secrets"].values()) == ["got-a/b"]
    kept = [path.read_text() for path in (tmp_path / "kept/run").iterdir()]
    assert not any("got-" in text for text in kept)
    ended = mooring("run", *builds, "-a", "x")
    assert ended.code == 2
    assert "want different secrets" in ended.err
    table.write_text("default: ['false', '{ref}']\n")
    monkeypatch.setenv("MOORING_JOB_NAME", "refused")
    ended = mooring("run", *builds[:2], "-a", "x")
    assert ended.code == 4
    assert mooring("run", *builds[:2], "-a", "x", "-e", "daytona").code == 4


@pytest.mark.parametrize(
    ("environment", "secrets", "code"),
    [
        ("docker", ["TOKEN"], 0),
        ("docker", [], 0),
        ("e2b", [], 4),
        ("podman", [], 4),
        ("modal", [], 4),
        ("daytona", [], 0),
        ("daytona", ["TOKEN"], 4),
        ("blaxel", ["TOKEN"], 4),
        ("own.module:Class", ["TOKEN"], 0),
    ],
)
def test_an_environment_that_cannot_run_it_is_refused(
    mooring: Mooring,
    fake: Fake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    secrets: list[str],
    code: int,
) -> None:
    """By the grid, and by the script of one task, which answers the same."""
    script = fake({})
    monkeypatch.setenv("TOKEN", "x")
    build = write_project(tmp_path / "b", {"secrets": secrets})
    ended = mooring("run", build, "-a", "one", "-a", "two", "-e", environment)
    assert ended.code == code, ended.err
    assert script.with_suffix(".words").exists() == (code == 0)
    alone = ["run", build, "-a", "one", "-e", environment, "--jobs-dir", tmp_path / "alone"]
    assert mooring(*alone).code == code
    assert mooring("compile", build, "-o", tmp_path / "task").code == 0
    for i, words in enumerate(([f"-e{environment}"], ["--env", environment])):
        monkeypatch.setenv("MOORING_JOB_NAME", str(i))
        argv = [str(tmp_path / "task/run/harbor.sh"), "-a", "one", "-e", "docker", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert ("cannot run in Harbor's environment" in done.stderr) == (code == 4)


@pytest.mark.parametrize(
    ("number", "passed_on"),
    [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGTERM),
     (signal.SIGHUP, signal.SIGTERM)],
)  # fmt: skip
def test_an_interrupt_reaches_harbor_and_is_waited_for(
    fake: Fake, builds: list[Path], tmp_path: Path, number: int, passed_on: int
) -> None:
    wait = tmp_path / "wait"
    fake({"wait": str(wait)})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "compiler",
            "run",
            *builds,
            "-a",
            "one",
            "--jobs-dir",
            tmp_path / "j",
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not wait.with_suffix(".started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert wait.with_suffix(".interrupted").read_text() == str(int(passed_on))
    assert "Traceback" not in err
    assert out.startswith("task ")
    assert "mooring: interrupted\n" in err
    assert json.loads((tmp_path / "j/job/grid.json").read_text())["problem"] == "interrupted"
    assert list(scratch.iterdir()) == []
