"""Trials to verdicts: a table, and that no order, copy or damage of files changes anything."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.runtime.nested.collate import (
    Collation,
    Failure,
    Score,
    Verdict,
    collate,
    read_rewards,
    was_used_up,
)
from compiler.runtime.nested.faults import FAULTS, fault_of
from compiler.runtime.nested.settings import Aggregate, Fault
from compiler.runtime.nested.trials import read_trials
from tests.runtime.nested.test_command import PLAIN

FAILURE_VALUE = -1.0
LOST, FAILED = "lost", "failed"
Json = dict[str, Any]


def result(
    task: str,
    start: int = 0,
    rewards: Json | None = None,
    exception: str | None = None,
    **changes: Any,
) -> Json:
    """A trial's result as Harbor writes it; `start` is in minutes."""
    value: Json = {
        "id": f"{task}-{start}-{exception}",
        "task_name": f"org/{task}",
        "trial_name": f"{task}__{start}",
        "task_id": {"path": f"/opt/mooring/inner/{task}"},
        "started_at": f"2026-11-01T10:{start:02}:00.5Z",
        "verifier_result": None if rewards is None else {"rewards": rewards},
        "exception_info": None,
    }
    if exception is not None:
        value["exception_info"] = {"exception_type": exception, "exception_message": "words"}
    return {**value, **changes}


def lay(jobs: Path, results: list[Json | bytes], names: list[str] | None = None) -> None:
    for index, value in enumerate(results):
        folder = jobs / "run-1" / (names[index] if names else f"trial-{index:03}")
        folder.mkdir(parents=True)
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        (folder / "result.json").write_bytes(data)


def collated(jobs: Path, tasks: list[str], **changes: Any) -> tuple[Collation, list[str]]:
    trials, reports = read_trials(jobs)
    wanted = dataclasses.replace(PLAIN, **changes)
    return collate(trials, tasks, wanted, FAILURE_VALUE), reports


def short(verdict: Verdict | None) -> float | str | None:
    if isinstance(verdict, Score):
        return verdict.value
    if isinstance(verdict, Failure):
        return LOST if verdict.fault is Fault.MACHINERY else FAILED
    return None


def _r(task: str, start: int = 0, rewards: Json | None = None, e: str | None = None) -> Json:
    return result(task, start, rewards, e)


BEST: Json = {"aggregate": Aggregate.BEST}
TWO: Json = {"n_attempts": 2}
ONE = {"reward": 1.0}
ZERO = {"reward": 0.0}
# Settings, results of task a in the order in which they lie, and what becomes of it.
TABLE: list[tuple[Json, list[Json], float | str | None]] = [
    ({}, [_r("a", rewards=ONE)], 1.0),
    ({}, [], None),
    ({}, [_r("b", rewards=ONE)], None),
    # Which reward.
    ({}, [_r("a", rewards={"pass": 0.25, "reward": 1, "x": 9})], 0.25),
    ({}, [_r("a", rewards={"x": 1, "reward": 0.5})], 0.5),
    ({}, [_r("a", rewards={"x": 1, "y": 2})], 1.5),
    ({"reward_key": "x"}, [_r("a", rewards={"x": 7, "reward": 1})], 7.0),
    ({"reward_key": "x"}, [_r("a", rewards={"reward": 1, "pass": 1})], FAILED),
    ({}, [_r("a", rewards={})], FAILED),
    ({}, [_r("a", rewards={"reward": None})], FAILED),
    ({}, [_r("a", rewards={"reward": "1"})], FAILED),
    ({}, [_r("a", rewards={"reward": True})], FAILED),
    ({}, [_r("a", rewards={"reward": float("nan")})], FAILED),
    ({}, [_r("a", rewards={"reward": 1.0, "other": float("inf")})], FAILED),
    ({}, [_r("a", rewards={"reward": 10**400})], FAILED),
    # Whose failure.
    ({}, [_r("a", e="AgentTimeoutError")], FAILED),
    ({}, [_r("a", e="RewardFileNotFoundError")], FAILED),
    ({}, [_r("a", e="CandidateError")], FAILED),
    ({}, [_r("a", e="EnvironmentStartTimeoutError")], LOST),
    ({}, [_r("a", e="ApiRateLimitError")], LOST),
    ({}, [_r("a", e="NeverSeenError")], LOST),
    ({}, [_r("a", e="CancelledError")], LOST),
    ({}, [_r("a")], LOST),
    ({}, [_r("a", rewards={}, e="CancelledError")], LOST),
    ({"exceptions": {"NeverSeenError": Fault.CANDIDATE}}, [_r("a", e="NeverSeenError")], FAILED),
    ({"exceptions": {"CandidateError": Fault.MACHINERY}}, [_r("a", e="CandidateError")], LOST),
    # Rewards count beside an exception.
    ({}, [_r("a", rewards=ONE, e="AgentTimeoutError")], 1.0),
    # The mean of all attempts; a failed one counts, a lost one leaves no number.
    (TWO, [_r("a", 1, ONE), _r("a", 2, ZERO)], 0.5),
    (TWO, [_r("a", 1, ONE), _r("a", 2, e="CandidateError")], 0.0),
    (TWO, [_r("a", 1, ONE), _r("a", 2, e="RuntimeError")], LOST),
    (TWO, [_r("a", 1, ONE)], None),
    (TWO, [_r("a", 1, e="CandidateError"), _r("a", 2, e="AgentTimeoutError")], FAILED),
    # A repeated run makes up for what was lost; more attempts than asked for: the first ones.
    (TWO, [_r("a", 1, ONE), _r("a", 2, e="RuntimeError"), _r("a", 3, ZERO)], 0.5),
    (TWO, [_r("a", 3, ONE), _r("a", 1, ZERO), _r("a", 2, ZERO)], 0.0),
    ({}, [_r("a", 2, ONE), _r("a", 1, ZERO)], 0.0),
    # The best: clean, then with an exception, then none; the later of equals.
    (BEST, [_r("a", 1, ONE), _r("a", 2, ZERO)], 0.0),
    (BEST, [_r("a", 2, ZERO), _r("a", 1, ONE)], 0.0),
    (BEST, [_r("a", 1, ONE), _r("a", 2, e="AgentTimeoutError")], 1.0),
    (BEST, [_r("a", 2, e="AgentTimeoutError"), _r("a", 1, ONE)], 1.0),
    (BEST, [_r("a", 1, ZERO), _r("a", 2, ONE, "AgentTimeoutError")], 0.0),
    (BEST, [_r("a", 1, e="CandidateError"), _r("a", 2, ONE, "AgentTimeoutError")], 1.0),
    (BEST, [_r("a", 1, ONE), _r("a", 2, e="RuntimeError")], 1.0),
    (BEST, [_r("a", 1, e="CandidateError"), _r("a", 2, e="RuntimeError")], FAILED),
    (BEST, [_r("a", 1, e="RuntimeError")], LOST),
    (BEST | TWO, [_r("a", 1, e="RuntimeError")], None),
    # That there is no score is known when all attempts are done.
    (BEST | TWO, [_r("a", 1, e="CandidateError")], None),
    (BEST | TWO, [_r("a", 1, e="CandidateError"), _r("a", 2, e="RuntimeError")], LOST),
    (BEST | TWO, [_r("a", 1, e="CandidateError"), _r("a", 2, e="AgentTimeoutError")], FAILED),
    (BEST | TWO, [_r("a", 1, ONE)], 1.0),
    (
        BEST | {"n_attempts": 3},
        [_r("a", 1, e="RuntimeError"), _r("a", 2, e="CandidateError"), _r("a", 3, e="OSError")],
        LOST,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "results", "expected"), TABLE)
def test_verdicts(
    tmp_path: Path, changes: Json, results: list[Json], expected: float | str | None
) -> None:
    lay(tmp_path, list(results))
    found, _ = collated(tmp_path, ["a"], **changes)
    assert short(found.verdicts.get("a")) == expected
    assert found.missing == (("a",) if expected is None else ())


BEGUN: Json = {"agent_setup": {"started_at": "2026-11-01T10:00:00Z"}}
SCORED = result("a", 1, ONE, **BEGUN)
STOPPED = result("b", 2, None, "CancelledError", **BEGUN)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([SCORED, STOPPED], True),
        ([STOPPED, result("c", 3, None, "AgentTimeoutError", **BEGUN)], True),
        # Where the signal met it in the middle.
        ([result("b", 2, **BEGUN)], True),
        # Nothing came so far that an agent could have used the time.
        ([], False),
        ([result("b", 2, None, "CancelledError")], False),
        # Time was lost to the machinery as well.
        ([SCORED, STOPPED, result("c", 3, None, "EnvironmentStartTimeoutError")], False),
        ([SCORED, STOPPED, result("c", 3, None, "RunnerUnreachableError", **BEGUN)], False),
    ],
)
def test_who_used_the_time_up(tmp_path: Path, results: list[Json], expected: bool) -> None:
    lay(tmp_path, list(results))
    trials, _ = read_trials(tmp_path, "run-1")
    assert len(trials) == len(results)
    assert was_used_up(trials, PLAIN) is expected
    assert read_trials(tmp_path, "run-2") == ([], [])


def test_tasks_are_known_by_their_folders() -> None:
    """Not by what they call themselves; a registry's have a name of two parts."""
    with tempfile.TemporaryDirectory() as name:
        lay(Path(name), [
            result("a", 1, ONE, task_name="something/else"),
            result("x", 2, ONE, task_id={"org": "acme", "name": "fruit", "ref": None}),
            result("y", 3, ONE, task_id={"git_url": "u", "path": "tasks/pear/"}),
        ])  # fmt: skip
        found, _ = collated(Path(name), ["a", "acme/fruit", "pear"])
    assert set(found.verdicts) == {"a", "acme/fruit", "pear"}


def test_names_that_nobody_asked_for_are_refused(tmp_path: Path) -> None:
    lay(tmp_path, [result("a", 1, ONE), result("strange", 2, ONE)])
    found, _ = collated(tmp_path, ["a", "b"])
    assert set(found.verdicts) == {"a"}
    assert found.missing == ("b",)
    assert found.reports == ("a trial of 'strange', which was not asked for",)


FOREIGN: list[Json | bytes] = [
    b"",
    b"{",
    b"[]",
    b"[" * 100_000,
    b"\xff",
    b'{"id": "job", "n_total_trials": 3}',
    result("a", task_id={"path": ""}),
    result("a", task_id={"name": "a"}),
    result("a", task_id=None),
    result("a", id=None),
    result("a", verifier_result={"rewards": [1]}),
    result("a", exception_info={"exception_type": 3}),
]


@pytest.mark.parametrize("value", FOREIGN)
def test_what_is_no_trial_is_reported_and_not_fatal(tmp_path: Path, value: Json | bytes) -> None:
    lay(tmp_path, [value, result("a", rewards=ONE)])
    found, reports = collated(tmp_path, ["a"])
    assert short(found.verdicts["a"]) == 1.0
    assert len(reports) == 1
    assert reports[0].startswith("run-1/trial-000/result.json: ")


def test_links_and_other_things_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(result("a", rewards=ONE)))
    jobs = tmp_path / "jobs"
    (jobs / "run-1/x").mkdir(parents=True)
    (jobs / "run-1/x/result.json").symlink_to(secret)
    (jobs / "run-1/y/result.json").mkdir(parents=True)
    (jobs / "run-1/z").symlink_to(tmp_path)
    (jobs / "run-1/result.json").write_text(secret.read_text())
    found, reports = collated(jobs, ["a"])
    assert found.missing == ("a",)
    assert len(reports) == 2
    assert collated(tmp_path / "nowhere", ["a"])[0].missing == ("a",)


def test_a_result_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compiler.runtime.nested.trials.RESULT_BYTES", 100)
    lay(tmp_path, [result("a", rewards=ONE)])
    _, reports = collated(tmp_path, ["a"])
    assert reports == ["run-1/trial-000/result.json: larger than 100 bytes"]


TRIALS = st.lists(
    st.builds(
        result,
        st.sampled_from("abc"),
        st.integers(0, 5),
        st.sampled_from([None, {}, ONE, ZERO, {"x": 2}, {"reward": "no"}]),
        st.sampled_from([None, "CandidateError", "AgentTimeoutError", "RuntimeError"]),
    ),
    max_size=10,
    unique_by=lambda value: value["id"],
)


@given(
    trials=TRIALS,
    attempts=st.integers(1, 3),
    aggregate=st.sampled_from(Aggregate),
    seed=st.randoms(use_true_random=False),
    damage=st.lists(st.sampled_from(FOREIGN[:6]), max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_order_copies_and_damage_change_nothing(
    trials: list[Json],
    attempts: int,
    aggregate: Aggregate,
    seed: random.Random,
    damage: list[bytes],
) -> None:
    changes: Json = {"n_attempts": attempts, "aggregate": aggregate}
    root = Path(tempfile.mkdtemp())
    try:
        lay(root / "plain", list(trials))
        plain, _ = collated(root / "plain", list("abc"), **changes)
        # Copies, whole and cut short, and files of other kinds, in any order.
        copies = [trial for trial in trials if seed.random() < 0.5]
        cut = [json.dumps(trial).encode()[: seed.randrange(1, 60)] for trial in copies]
        mixed: list[Json | bytes] = [*trials, *copies, *cut, *damage]
        seed.shuffle(mixed)
        names = [f"trial-{index:03}" for index in range(len(mixed))]
        seed.shuffle(names)
        lay(root / "mixed", mixed, names)
        found, reports = collated(root / "mixed", list("abc"), **changes)
    finally:
        shutil.rmtree(root)
    assert found == plain
    assert len(reports) == len(cut) + len(damage)


def test_the_table_of_exceptions_reads_as_it_should() -> None:
    assert fault_of("AgentTimeoutError", {}) is Fault.CANDIDATE
    assert fault_of("Whatever", {}) is Fault.MACHINERY
    assert fault_of("Whatever", {"Whatever": Fault.CANDIDATE}) is Fault.CANDIDATE
    assert fault_of("AgentTimeoutError", {"AgentTimeoutError": Fault.MACHINERY}) is Fault.MACHINERY
    assert len(FAULTS) > 30


def test_the_rewards_of_several_attempts_are_means(tmp_path: Path) -> None:
    lay(tmp_path, [
        result("a", 1, {"reward": 1, "speed": 3, "only": 1}),
        result("a", 2, {"reward": 0, "speed": 1}),
    ])  # fmt: skip
    found, _ = collated(tmp_path, ["a"], **TWO)
    assert found.verdicts["a"] == Score(value=0.5, rewards={"reward": 0.5, "speed": 2.0})


def test_many_and_long_names_of_rewards_are_not_shown() -> None:
    many = read_rewards({f"k{i}": 1 for i in range(65)}, None)
    assert isinstance(many, Score)
    assert (many.value, many.rewards) == (1.0, {})
    long = read_rewards({"reward": 1, "x" * 65: 2}, None)
    assert isinstance(long, Score)
    assert long.rewards == {"reward": 1.0}


def test_the_documented_table_is_the_table() -> None:
    text = (Path(__file__).parents[3] / "docs/runtime.md").read_text("utf-8")
    for side, fault in (("the candidate", Fault.CANDIDATE), ("the machinery", Fault.MACHINERY)):
        (row,) = re.findall(rf"^\| {side} \| (`.*) \|$", text, re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == [name for name, f in FAULTS.items() if f is fault]
