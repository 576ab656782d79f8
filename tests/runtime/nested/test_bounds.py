"""Ends of an evaluation: its time, a cancellation, what is measured anew and what is not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from compiler.runtime.evaluator.mode_b import HarborUnusable
from compiler.runtime.evaluator.outcomes import Failed, Lost, Outcome, Scored
from compiler.runtime.evaluator.runner_client import RunnerClient, RunnerFailure
from compiler.runtime.nested import command, supervise
from tests.runtime.nested.agents import RIGHT, agent, agent_by_task
from tests.runtime.nested.yard import Yard, make_task, waiting_test, was_broken_off


@pytest.fixture
def yard(module_yard: Yard) -> Yard:
    """With a task whose verifier waits for a flag: `yard.root / "flag"`."""
    flag = module_yard.root / "flag"
    flag.unlink(missing_ok=True)
    # Folders of evaluations that lost something stay, and tests wait for files in them.
    shutil.rmtree(module_yard.work, ignore_errors=True)
    files = {
        "tests/test.sh": waiting_test(flag),
        "task.toml": "[agent]\ntimeout_sec = 60\n[verifier]\ntimeout_sec = 600\n",
    }
    make_task(module_yard.tasks, "quick")
    make_task(module_yard.tasks, "slow", files=files)
    module_yard.set_tasks(["quick", "slow"])
    module_yard.plan["timeout"] = 150
    return module_yard


def candidate(extra: str) -> dict[str, str]:
    """One that solves its tasks, and is no other test's."""
    return {**RIGHT, "extra.txt": extra}


def kinds(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def tasks_of(yard: Yard, run: int) -> list[str]:
    """What the latest evaluation asked Harbor for in its run of this number."""
    paths = yard.work.glob(f"**/run-{run}.command.json")
    argv = json.loads(max(paths, key=os.path.getmtime).read_text())["argv"]
    return [argv[i + 1] for i, word in enumerate(argv) if word == "-i"]


def nested_processes(yard: Yard) -> list[tuple[int, str]]:
    """Ids and command lines of what still runs with this yard's folders."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(yard.work) in line:
            found.append((int(path.parent.name), line))
    return found


def test_an_agent_that_stalls_has_failed_before_the_evaluation_is_over(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the task itself has no bound."""
    monkeypatch.setattr(command, "PHASE_SHARE", 0.06)
    make_task(yard.tasks, "quick", files={"task.toml": "[verifier]\ntimeout_sec = 60\n"})
    yard.set_tasks(["quick"])
    (outcome,) = yard.evaluate(agent("await asyncio.sleep(1000)"))
    assert isinstance(outcome, Scored | Failed), outcome
    assert not isinstance(outcome, Scored) or outcome.score == 0.0


def test_what_was_broken_off_and_the_same_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = candidate("time")

    def is_over(folder: Path) -> str | None:
        """Just when one of the two has its result."""
        done = list(folder.glob("jobs/run-1/quick__*/result.json"))
        return "the evaluator's disk is almost full" if done else None

    with monkeypatch.context() as patch:
        patch.setattr(supervise, "_overfull", is_over)
        patch.setattr(supervise, "LOOK_SECONDS", 0.2)
        outcomes = yard.evaluate(files)
    assert kinds(outcomes) == ["Scored", "Lost"], outcomes
    assert isinstance(outcomes[1], Lost)
    assert "task slow" in outcomes[1].cause
    assert nested_processes(yard) == []
    # The same evaluation again runs only what has no score.
    (yard.root / "flag").touch()
    again = yard.evaluate(files)
    assert kinds(again) == ["Scored", "Scored"], again
    assert again[0] == outcomes[0]
    assert tasks_of(yard, 2) == ["slow"]
    # It has its number: the next one is a new measurement.
    assert kinds(yard.evaluate(files)) == ["Scored", "Scored"]
    assert tasks_of(yard, 1) == ["quick", "slow"]


@pytest.mark.parametrize("answers", [True, False])
def test_time_that_agents_used_up(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    """What is not finished then has failed, unless the runner is the one who hangs."""
    begun = yard.root / "begun"
    begun.unlink(missing_ok=True)
    stalls = f'await environment.exec("touch {begun}"); await asyncio.sleep(1000)'
    files = agent_by_task({"quick": "await answer(environment)", "slow": stalls})

    def is_over(folder: Path) -> str | None:
        done = list(folder.glob("jobs/run-1/quick__*/result.json"))
        return supervise.TIME_OVER if done and begun.exists() else None

    async def ping(client: RunnerClient) -> None:
        if not answers:
            raise RunnerFailure("silent")

    monkeypatch.setattr(supervise, "_overfull", is_over)
    monkeypatch.setattr(supervise, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(RunnerClient, "ping", ping)
    outcomes = yard.evaluate({**files, "extra.txt": f"time {answers}"})
    assert kinds(outcomes) == ["Scored", "Failed" if answers else "Lost"], outcomes
    if isinstance(outcomes[1], Failed):
        assert outcomes[1].cause == "the evaluation's time was over before this task was finished"


def test_a_cancelled_evaluation_is_taken_up_again(yard: Yard) -> None:
    tree = yard.store.add(candidate("cancelled"))

    async def interrupted() -> None:
        task = asyncio.create_task(yard.evaluating(tree))
        while not list(yard.work.glob("*/jobs/run-1/quick__*/result.json")):
            await asyncio.sleep(0.1)
            assert not task.done()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    asyncio.run(interrupted())
    assert nested_processes(yard) == []
    # Harbor was told, and wrote down that it was: it had the time to stop the environment.
    (path,) = yard.work.glob("*/jobs/run-1/slow__*/result.json")
    assert was_broken_off(json.loads(path.read_text()))
    (yard.root / "flag").touch()
    outcomes = asyncio.run(yard.evaluating(tree))
    assert kinds(outcomes) == ["Scored", "Scored"], outcomes
    assert tasks_of(yard, 2) == ["slow"]


def test_a_harbor_that_is_killed_costs_what_was_not_finished(yard: Yard) -> None:
    tree = yard.store.add(candidate("killed"))

    async def killed() -> tuple[Outcome, ...]:
        task = asyncio.create_task(yard.evaluating(tree))
        while not list(yard.work.glob("*/jobs/run-1/quick__*/result.json")):
            await asyncio.sleep(0.1)
            assert not task.done()
        for pid, line in nested_processes(yard):
            if "--jobs-dir" in line:
                os.kill(pid, signal.SIGKILL)
        return await task

    outcomes = asyncio.run(killed())
    assert kinds(outcomes) == ["Scored", "Lost"], outcomes
    assert isinstance(outcomes[1], Lost)
    assert "code -9" in outcomes[1].cause


def test_tasks_that_are_not_there_are_lost_and_never_zero(yard: Yard) -> None:
    yard.set_tasks(["nowhere", "neither"])
    outcomes = yard.evaluate(RIGHT)
    assert kinds(outcomes) == ["Lost", "Lost"]
    assert isinstance(outcomes[0], Lost)
    assert "No tasks matched" in outcomes[0].cause


def test_several_attempts(yard: Yard) -> None:
    yard.set_tasks(["quick"])
    yard.configure(n_attempts=3, max_retries=2)
    try:
        # Each try of the agent fails, and none is tried again: three trials, not nine.
        flaky = agent_by_task({"quick": 'await answer(environment); raise ValueError("no")'})
        (outcome,) = yard.evaluate(flaky)
        assert isinstance(outcome, Failed), outcome
        assert len(list(yard.work.glob("done/*/jobs/run-1/quick__*"))) >= 3
        (outcome,) = yard.evaluate(RIGHT)
        assert isinstance(outcome, Scored), outcome
        newest = max(yard.work.glob("done/*"))
        assert len(list(newest.glob("jobs/run-1/quick__*/result.json"))) == 3
    finally:
        yard.configure(n_attempts=1, max_retries=0)


@pytest.mark.parametrize("end", ['await environment.exec("true")', "pass"])
def test_an_environment_that_the_agent_ended_is_lost_and_not_tried_again(
    yard: Yard, end: str
) -> None:
    tries = yard.root / "tries"
    tries.unlink(missing_ok=True)
    yard.set_tasks(["quick"])
    yard.configure(max_retries=2)
    try:
        (outcome,) = yard.evaluate(
            agent(f'await environment.exec("echo try >>{tries}; rm -rf /app")\n{end}')
        )
    finally:
        yard.configure(max_retries=0)
    assert isinstance(outcome, Lost), outcome
    assert "EnvironmentLostError" in outcome.cause
    assert tries.read_text() == "try\n"


def test_a_tree_that_cannot_be_run_fails_everywhere(yard: Yard) -> None:
    yard.store.trees["f" * 40] = b"this is no archive" * 100
    outcomes = asyncio.run(yard.evaluating("f" * 40))
    assert kinds(outcomes) == ["Failed", "Failed"]


def test_health_has_harbor_load_everything(yard: Yard) -> None:
    for split in yard.plan["splits"]:
        yard.set_tasks(["quick", "slow"], split["name"])
    asyncio.run(yard.backend().check())
    assert not (yard.work / "check").exists()
    for changes, words in (
        ({"environment": "no_such_module:Environment"}, "no_such_module"),
        ({"extra_args": ["--no-such-flag"]}, "no-such-flag"),
    ):
        before = dict(yard.plan["harbor"])
        yard.configure(**changes)
        with pytest.raises(HarborUnusable) as caught:
            asyncio.run(yard.backend().check())
        yard.plan["harbor"] = before
        assert words in str(caught.value), caught.value
