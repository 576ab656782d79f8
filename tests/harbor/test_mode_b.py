"""Mode B, whole: trials under Docker, in whose evaluator a Harbor runs the six inner tasks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.docker.tasks import Build, compile_task
from tests.fixture_cases import mooring
from tests.harbor.trials import Harbor, Run, Trial, make_variant
from tests.independent_clerk import AGENT, BETTER, FILE_CLERK, TASKS, count_tasks

pytestmark = pytest.mark.harbor

LOCAL = Path(__file__).with_name("local")
TRAIN, VALIDATION, TEST = ("visits", "letter"), ("stations", "crew"), ("cargo", "flags")
BROKEN = "letter"

LOOK = """\
mooring eval --split train || echo "ended with $?"
mooring eval --split train --samples visits
"""
IMPROVE = """\
cp /solution/rules.py clerk/rules.py
git commit --quiet --all --message better
mooring eval --split validation
"""
# A class that is no agent of the baseline's: its score must not reach the better commit's, and its
# own failures are its own.
HOPELESS = """\
printf 'class Clerk:\\n    pass\\n' >clerk/agent.py
git commit --quiet --all --message hopeless
mooring eval --split validation
"""


def of(names: tuple[str, ...]) -> list[Path]:
    return [TASKS / name for name in names]


@pytest.fixture(scope="module")
def ended(
    harbor: Harbor, trial_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, dict[str, Trial]]:
    """One job of two trials: of the baseline, and of a better candidate beside a hopeless one."""
    scratch = tmp_path_factory.mktemp("mode-b")

    def change(source: Path, build: Build) -> None:
        shutil.copytree(LOCAL, source / "engines", ignore=shutil.ignore_patterns("__pycache__"))
        build["harbor"]["environment_project"] = "engines"
        (source / "tasks" / BROKEN / "environment/unavailable").touch()

    base = compile_task(
        scratch, scratch / "base" / f"{trial_prefix}-clerk", change, case=FILE_CLERK
    )
    tasks = {
        "look": make_variant(base, f"{trial_prefix}-look", LOOK),
        "improve": make_variant(
            base, f"{trial_prefix}-improve", IMPROVE + HOPELESS, rules=BETTER / "clerk/rules.py"
        ),
    }
    argv = [str(harbor.command), "run", "--path", str(base.parent), "-x", base.name, "-a", "oracle"]
    argv += ["-e", "docker", "--yes", "-n", "2", "--jobs-dir", str(harbor.jobs)]
    run = harbor.run([*argv, "--job-name", "clerk"], scratch)
    assert run.code == 0, run.output
    trials = harbor.trials("clerk")
    return run, {
        name: next(trial for trial in trials if trial.folder.name.startswith(task.name))
        for name, task in tasks.items()
    }


def test_the_reward_is_the_independent_count(ended: tuple[Run, dict[str, Trial]]) -> None:
    trial = ended[1]["look"]
    assert trial.exception is None, trial.result["exception_info"]
    assert trial.rewards == pytest.approx({"reward": float(count_tasks(AGENT, of(TEST)))})


def test_a_better_candidate_gets_its_better_reward(ended: tuple[Run, dict[str, Trial]]) -> None:
    """Chosen over the later commit, whose agent cannot even be made."""
    trial = ended[1]["improve"]
    assert trial.exception is None, trial.result["exception_info"]
    better = count_tasks(BETTER, of(TEST))
    assert better > count_tasks(AGENT, of(TEST))
    assert trial.rewards == pytest.approx({"reward": float(better)})
    shown = round(float(count_tasks(BETTER, of(VALIDATION))), 4)
    assert f" {shown}\n" in trial.agent_said


def test_a_failure_of_the_machinery_is_shown_as_one(ended: tuple[Run, dict[str, Trial]]) -> None:
    """One of two tasks has no environment: no number comes of both, and the other has its own."""
    trial = ended[1]["look"]
    assert "lost to failures of the machinery" in trial.agent_said
    assert "ended with 3" in trial.agent_said
    jobs = session_of(trial)["jobs"]
    both, one = (job for job in jobs if job["split"] == "train")
    assert (both["score"], both["state"]) == (None, "invalid")
    assert (both["scored"], both["failed"], both["lost"]) == (1, 0, 1)
    assert (one["state"], one["lost"]) == ("done", 0)
    assert one["score"] == pytest.approx(float(count_tasks(AGENT, of(TRAIN[:1]))))
    spent = {entry["split"]: entry for entry in session_of(trial)["spent"]}
    assert spent["train"]["runs"] == 1


def test_a_candidate_that_is_no_agent_fails_by_itself(ended: tuple[Run, dict[str, Trial]]) -> None:
    jobs = session_of(ended[1]["improve"])["jobs"]
    asked = [job for job in jobs if job["purpose"] == "requested"]
    assert [job["state"] for job in asked] == ["done", "done"]
    hopeless = asked[1]
    assert (hopeless["score"], hopeless["failed"], hopeless["lost"]) == (0.0, len(VALIDATION), 0)


def session_of(trial: Trial) -> dict[str, Any]:
    done = mooring("session", "show", trial.folder / "artifacts/mooring-session", "--json")
    assert done.returncode == 0, done.stderr
    session: dict[str, Any] = json.loads(done.stdout)
    return session
