"""A real grid: two agents on two tasks, of which one cannot be built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker import engine
from tests.docker.tasks import ROOT, Build, compile_task
from tests.harbor.trials import TRIAL_SECONDS, Harbor
from tests.independent_count import AGENT, DATA, count_mean

pytestmark = pytest.mark.harbor


def test_failures_of_the_machinery_stand_beside_the_means(
    harbor: Harbor, trial_prefix: str, tmp_path: Path
) -> None:
    def named(name: str) -> str:
        return f"mooring/{trial_prefix}-{name}"

    def good(source: Path, build: Build) -> None:
        build["name"] = named("good")

    def bad(source: Path, build: Build) -> None:
        build["name"] = named("bad")
        build["runner"] = {"build": [["false"]]}

    for change in (good, bad):
        compile_task(tmp_path, tmp_path / change.__name__, change)
    argv = [sys.executable, "-m", "compiler", "run"]
    argv += [str(tmp_path / f"{name}-input") for name in ("good", "bad")]
    argv += ["-a", "oracle", "-a", "nop", "--param", f"BASE_IMAGE={engine.base_image()}"]
    done = subprocess.run(
        [*argv, "--jobs-dir", str(harbor.jobs), "--", "-n", "2"],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{harbor.command.parent}:{os.environ['PATH']}",
            "HARBOR_TELEMETRY": "0",
            "MOORING_JOB_NAME": "grid",
        },
        capture_output=True,
        text=True,
        timeout=TRIAL_SECONDS,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    document = json.loads((harbor.jobs / "grid/grid.json").read_text())
    cells = {(c["task"], c["agent"]): c for c in document["cells"]}
    expected = float(count_mean(AGENT, DATA / "test.jsonl"))
    for agent in ("oracle", "nop"):
        scored, failed = cells[named("good"), agent], cells[named("bad"), agent]
        assert (scored["means"], scored["failures"]) == ({"reward": expected}, {})
        assert scored["mean_seconds"] > 0
        assert (failed["means"], failed["scored"]) == ({}, 0)
        assert list(failed["failures"]) == ["machinery"]
    assert done.stdout.count("\n") == 5
    assert sum("failed (machinery): " in line for line in done.stderr.splitlines()) == 2
    assert "[4/4] " in done.stderr
