"""The environment of local processes is one that Harbor takes: real jobs, without an engine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.harbor.trials import Harbor, read_trial

CLERK = Path(__file__).resolve().parents[2] / "fixtures/ok/file-clerk"
LOCAL = Path(__file__).with_name("local")


@pytest.fixture
def run_job(harbor_bin: Path, tmp_path: Path) -> Harbor:
    return Harbor(command=harbor_bin, jobs=tmp_path / "jobs")


def test_its_trials_end_as_they_deserve(run_job: Harbor, tmp_path: Path) -> None:
    tasks = Path(shutil.copytree(CLERK / "input/tasks", tmp_path / "tasks"))
    (tasks / "crew/environment/unavailable").touch()
    (tasks / "flags/solution/solve.sh").write_text("sleep 300 & exec sleep 300\n")
    config = (tasks / "flags/task.toml").read_text()
    (tasks / "flags/task.toml").write_text(
        config.replace("timeout_sec = 60.0", "timeout_sec = 1", 1)
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    argv = ["harbor", "run", "-p", str(tasks), "-a", "oracle", "-n", "4", "-y", "-q"]
    argv += ["-e", "local_process:LocalProcessEnvironment"]
    argv += ["--jobs-dir", str(run_job.jobs), "--job-name", "local"]
    run = run_job.run(argv, tmp_path, PYTHONPATH=str(LOCAL), TMPDIR=str(scratch))
    assert run.code == 0, run.output
    trials = {t.result["task_name"].partition("/")[2]: t for t in run_job.trials("local")}
    assert {name: trial.rewards for name, trial in trials.items()} == {
        **{name: {"reward": 1.0} for name in ("visits", "letter", "stations", "cargo")},
        "crew": None,
        "flags": {"reward": 0.0},
    }
    assert trials["crew"].exception == "RuntimeError"
    assert trials["flags"].exception == "AgentTimeoutError"
    assert list(scratch.glob("local-process-*")) == []


def test_a_tasks_agent_sees_its_places_under_their_names(run_job: Harbor, tmp_path: Path) -> None:
    """The same commands answer alike in a container: the places are the trial's own folders."""
    task = Path(shutil.copytree(CLERK / "input/tasks/visits", tmp_path / "visits"))
    (task / "solution/solve.sh").write_text(
        "wc -l </app/visits.txt\nls /tests; echo x >/app/here; ls /app\n"
    )
    argv = ["harbor", "run", "-p", str(task), "-a", "oracle", "-y", "-q"]
    argv += ["-e", "local_process:LocalProcessEnvironment"]
    argv += ["--jobs-dir", str(run_job.jobs), "--job-name", "places"]
    run = run_job.run(argv, tmp_path, PYTHONPATH=str(LOCAL))
    assert run.code == 0, run.output
    (folder,) = (path for path in (run_job.jobs / "places").iterdir() if path.is_dir())
    said = read_trial(folder).agent_said
    assert said.startswith("5\n")
    assert "test.sh" not in said  # tests come after the agent
    assert "here\nvisits.txt" in said
