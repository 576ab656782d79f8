"""Real trials: the reward is what an independent count gives, or there is none and that is said."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.docker import engine
from tests.docker.tasks import Build, compile_task
from tests.harbor.trials import Harbor, Run, Trial, images_of, make_variant, when_ready
from tests.independent_count import AGENT, BETTER, DATA, count_mean, overlay

pytestmark = pytest.mark.harbor

COMMIT = 'cp "/solution/$1.py" solve.py && git commit --quiet --all --message "$1"\n'
TAKE = f"take() {{\n{COMMIT}}}\n"
WORSE = "import sys\nopen(sys.argv[2], 'w').write('0')\n"
# Every way not to answer: an exit code, a signal, no output, no JSON, a value that is none, no end.
FAILING = """\
import json, os, signal, sys, time
question = json.load(open(sys.argv[1]))["question"]
way = len(question) % 6
if way == 0:
    sys.exit(3)
if way == 1:
    os.kill(os.getpid(), signal.SIGSEGV)
if way == 2:
    sys.exit(0)
if way == 3:
    open(sys.argv[2], "w").write("{not json")
if way == 4:
    open(sys.argv[2], "w").write("NaN")
if way == 5:
    time.sleep(3600)
"""
# A reward of the agent's own, and a process that keeps writing it after the agent's time.
FORGE = """\
forge() { while :; do echo '{"reward": 1.0}' >/logs/verifier/reward.json; sleep 0.01; done; }
forge </dev/null >/dev/null 2>&1 &
disown
"""


@pytest.fixture(scope="module")
def oracle(harbor: Harbor, word_problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return harbor.run_script(word_problems, "first", cwd=tmp_path_factory.mktemp("elsewhere"))


def test_the_oracles_reward_is_the_independent_count(harbor: Harbor, oracle: Run) -> None:
    assert oracle.code == 0, oracle.output
    trial = harbor.trial("first")
    assert trial.exception is None
    assert trial.rewards == {"reward": float(count_mean(AGENT, DATA / "test.jsonl"))}
    assert f"results: {harbor.jobs / 'first'}" in oracle.output
    assert f"{trial.folder.name}: reward 0.5" in oracle.output
    shown = round(float(count_mean(AGENT, DATA / "validation.jsonl")), 4)
    assert str(shown) in trial.agent_said


def test_a_second_trial_takes_its_images_from_the_cache(
    harbor: Harbor,
    oracle: Run,
    word_problems: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    second = harbor.run_script(word_problems, "second", cwd=tmp_path)
    assert second.code == 0, second.output
    trial = harbor.trial("second")
    assert trial.rewards == harbor.trial("first").rewards
    with capsys.disabled():
        print(
            f"\nrun/harbor.sh, images cached: {second.seconds:.1f} s (first {oracle.seconds:.1f})"
        )
        for phase, seconds in trial.phases().items():
            print(f"  {seconds:6.2f} s  {phase}")


def test_nothing_of_a_trial_stays_behind(oracle: Run, trial_prefix: str) -> None:
    for kind in engine.OBJECT_KINDS:
        assert engine.list_objects(kind, prefix=f"{trial_prefix}-base") == (), kind
    assert images_of(f"{trial_prefix}-base") == []


@pytest.fixture(scope="module")
def variants(
    harbor: Harbor,
    trial_prefix: str,
    word_problems: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Trial]:
    """Three candidates in one job, by name."""
    scratch = tmp_path_factory.mktemp("variants")
    base = compile_task(scratch, scratch / "tasks" / f"{trial_prefix}-quick", quick_samples)
    better = BETTER / "solve.py"
    one = f"{TAKE}take better\nmooring eval --split validation\n"
    two = f"{one}take worse\nmooring eval --split validation\n"
    failing = f"{TAKE}take failing\nmooring eval --split validation\n{FORGE}"
    tasks = {
        "better": make_variant(base, f"{trial_prefix}-better", one, better=better),
        "both": make_variant(base, f"{trial_prefix}-both", two, better=better, worse=WORSE),
        "failing": make_variant(base, f"{trial_prefix}-failing", failing, failing=FAILING),
    }
    argv = [str(harbor.command), "run", "--path", str(base.parent), "-a", "oracle"]
    argv += ["-e", "docker", "--yes", "-n", "3", "-x", base.name]
    done = harbor.run([*argv, "--jobs-dir", str(harbor.jobs), "--job-name", "three"], scratch)
    assert done.code == 0, done.output
    trials = harbor.trials("three")
    return {
        name: next(trial for trial in trials if trial.folder.name.startswith(task.name))
        for name, task in tasks.items()
    }


def quick_samples(source: Path, build: Build) -> None:
    """So that a candidate that never ends costs seconds."""
    build["sample_timeout"] = 3


def scores_shown(trial: Trial) -> list[float]:
    return [float(score) for score in re.findall(r"\bscore:? +([0-9.]+)", trial.agent_said)]


def test_a_better_candidate_gets_its_better_reward(
    variants: dict[str, Trial], tmp_path: Path
) -> None:
    better = overlay(AGENT, BETTER, tmp_path / "better")
    expected = count_mean(better, DATA / "test.jsonl")
    assert expected > count_mean(AGENT, DATA / "test.jsonl")
    assert variants["better"].exception is None
    assert variants["better"].rewards == {"reward": float(expected)}


def test_the_best_is_chosen_and_not_the_last(variants: dict[str, Trial], tmp_path: Path) -> None:
    worse = tmp_path / "worse"
    worse.mkdir()
    (worse / "solve.py").write_text(WORSE, encoding="utf-8")
    better = overlay(AGENT, BETTER, tmp_path / "better")
    means = [count_mean(candidate, DATA / "validation.jsonl") for candidate in (better, worse)]
    assert means[0] > means[1]
    assert scores_shown(variants["both"]) == [round(float(mean), 4) for mean in means]
    expected = count_mean(better, DATA / "test.jsonl")
    assert expected > count_mean(worse, DATA / "test.jsonl")
    assert variants["both"].rewards == {"reward": float(expected)}


def test_a_candidate_that_never_answers_scores_zero_and_is_no_error(
    variants: dict[str, Trial],
) -> None:
    """The questions meet each way to fail; the agent's forged reward does not survive."""
    trial = variants["failing"]
    rows = (DATA / "test.jsonl").read_text(encoding="utf-8").splitlines()
    assert {len(json.loads(row)["question"]) % 6 for row in rows} == set(range(6))
    assert trial.exception is None
    assert trial.rewards == {"reward": 0.0}
    assert scores_shown(trial) == [0.0]
    written = json.loads((trial.folder / "verifier/reward.json").read_bytes())
    assert written == {"reward": 0.0}


KILLED = f"""\
mooring eval --split validation
{FORGE}touch "$READY"
until [ -e "$ACTED" ]; do sleep 0.1; done
mooring eval --split validation && echo went on || echo "ended with $?"
"""


def run_and_kill(harbor: Harbor, task: Path, service: str, folder: Path) -> tuple[Run, Trial]:
    """A trial whose `service` is killed once the agent has a complete evaluation."""

    def kill(project: str) -> None:
        engine.run_docker("kill", f"{project}-{service}-1")

    with when_ready(task, kill) as acted:
        run = harbor.run_script(task, service, cwd=folder)
    assert len(acted) == 1, run.output
    return run, harbor.trial(service)


@pytest.fixture(scope="module")
def killed(
    harbor: Harbor,
    oracle: Run,
    word_problems: Path,
    trial_prefix: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Run, Trial]]:
    """Two trials side by side, by the service that was killed."""
    folder = tmp_path_factory.mktemp("killed")
    tasks = {
        "eval-sidecar": make_variant(word_problems, f"{trial_prefix}-noeval", KILLED),
        "runner": make_variant(word_problems, f"{trial_prefix}-norunner", KILLED),
    }
    with ThreadPoolExecutor(len(tasks)) as pool:
        started = {
            service: pool.submit(run_and_kill, harbor, task, service, folder)
            for service, task in tasks.items()
        }
        return {service: future.result() for service, future in started.items()}


@pytest.mark.parametrize("service", ["eval-sidecar", "runner"])
def test_a_failure_of_the_machinery_is_no_score(
    killed: dict[str, tuple[Run, Trial]], service: str
) -> None:
    run, trial = killed[service]
    assert "ended with 3" in trial.agent_said
    assert not (trial.folder / "verifier/reward.json").exists()
    assert trial.rewards is None
    assert trial.exception == "RewardFileNotFoundError"
    assert run.code == 3, run.output
    assert f"{trial.folder.name}: failed: RewardFileNotFoundError" in run.output


def test_a_missing_secret_stops_the_script_before_harbor(
    harbor: Harbor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("X_TOKEN", raising=False)

    def change(source: Path, build: Build) -> None:
        build["secrets"] = ["X_TOKEN"]

    task = compile_task(tmp_path, tmp_path / "task", change)
    run = harbor.run_script(task, "none", cwd=tmp_path)
    assert run.code == 2
    assert "X_TOKEN" in run.output
    assert not (harbor.jobs / "none").exists()
