"""What `mooring init` writes runs as it is: the oracle's reward is its program's own score."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker import engine
from tests.fixture_cases import mooring
from tests.harbor.trials import Harbor

pytestmark = pytest.mark.harbor


def test_the_starter_of_mode_a_gives_the_reward_that_its_program_deserves(
    harbor: Harbor, trial_prefix: str, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    task = tmp_path / f"{trial_prefix}-starter"
    assert mooring("init", project).returncode == 0
    param = f"BASE_IMAGE={engine.base_image()}"
    done = mooring("compile", project, "-o", task, "--param", param)
    assert done.returncode == 0, done.stderr
    run = harbor.run_script(task, "starter", cwd=tmp_path)
    assert run.code == 0, run.output
    trial = harbor.trial("starter")
    assert trial.exception is None
    assert trial.rewards == {"reward": mean_of(project, tmp_path / "scratch")}


def mean_of(project: Path, scratch: Path) -> float:
    """The share of the test split that the program answers as the labels have it."""
    scratch.mkdir()
    source, output = scratch / "in.json", scratch / "out.json"
    right = 0
    rows = (project / "data/test.jsonl").read_text("utf-8").splitlines()
    for row in map(json.loads, rows):
        source.write_text(json.dumps({"text": row["text"]}), "utf-8")
        subprocess.run([sys.executable, project / "agent/solve.py", source, output], check=True)
        right += json.loads(output.read_text("utf-8")) == row["seconds"]
    return right / len(rows)
