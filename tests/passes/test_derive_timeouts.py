"""The collect hook waits at least as long as the evaluator may take to finalise."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.ir.project import Project
from compiler.passes.derive_timeouts import derive_timeouts, finalize_seconds
from compiler.runtime.evaluator.finalise import finalise_seconds
from compiler.runtime.evaluator.plan import decode_plan
from compiler.targets.harbor.plans import lower_evaluator_plan
from tests.fixture_cases import OK, list_cases
from tests.projects import project_of, task_of, write_project


def plan_of(case: str) -> dict[str, Any]:
    """The evaluator's plan of an ok case; empty where there is none."""
    file = OK / case / "expected/environment/evaluator/plan.json"
    plan: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return plan


# The runtime does not count mode B yet.
MODE_A = [case for case in list_cases(OK) if plan_of(case).get("mode") == "A"]


@pytest.mark.parametrize("case", MODE_A)
def test_the_hook_and_the_evaluator_count_alike(case: str) -> None:
    config = tomllib.loads((OK / case / "expected/task.toml").read_text("utf-8"))
    hooks = config["verifier"]["collect"]
    (hook,) = (h for h in hooks if h["service"] == "eval-sidecar")
    # What the hook waits beyond is for an evaluator that is just starting again.
    counted = finalise_seconds(decode_plan(plan_of(case))) + 60.0
    written = "\nverifier_timeout:" in (OK / case / "input/build.yaml").read_text("utf-8")
    assert hook["timeout_sec"] >= counted if written else hook["timeout_sec"] == counted


# Any build.

SAMPLES_OF: dict[str, list[list[str] | None]] = {
    "train": [None, ["0"], ["1", "2"]],
    "test": [None, ["0"]],
}
TARGETS = [(split, ids) for split, choices in SAMPLES_OF.items() for ids in choices]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project_of(write_project(tmp_path_factory.mktemp("project")))


@settings(deadline=None, max_examples=80)
@given(
    timeout=st.sampled_from([1, 59, 60, 119, 120, 121, 3600, 86400]),
    top_k=st.integers(1, 100),
    targets=st.lists(st.sampled_from(TARGETS), min_size=1, max_size=6),
    floor=st.booleans(),
    baseline=st.booleans(),
    written=st.none() | st.integers(1, 100_000),
)
def test_they_count_alike_whatever_is_to_be_scored(
    project: Project,
    timeout: int,
    top_k: int,
    targets: list[tuple[str, list[str] | None]],
    floor: bool,
    baseline: bool,
    written: int | None,
) -> None:
    build = task_of(
        {
            "timeout": timeout,
            "rescore_top_k": top_k,
            "targets": [
                {"split": split, "reward_key": f"k{i}", **({"sample_ids": ids} if ids else {})}
                for i, (split, ids) in enumerate(targets)
            ],
            "baseline_floor": floor,
            "score_baseline": baseline,
            "verifier_timeout": written,
        }
    )
    inputs = replace(project.inputs, build=build)
    plan = lower_evaluator_plan(replace(project, build=build, inputs=inputs))
    counted = finalise_seconds(decode_plan(json.loads(json.dumps(plan))))
    assert finalize_seconds(build) == counted
    bound = derive_timeouts(build).finalize
    assert bound.seconds == (counted + 60.0 if written is None else written)


# Where they come from.


def test_a_bound_says_where_it_comes_from() -> None:
    default = derive_timeouts(task_of())
    assert default.build.why == "the default of `build_timeout`"
    assert default.agent.why == "the default of `agent_timeout`"
    assert "6 scorings of at most `timeout` 3600 s" in default.finalize.why
    changes = {"build_timeout": "1m", "agent_timeout": 5, "verifier_timeout": "2h"}
    written = derive_timeouts(task_of(changes))
    assert [
        (bound.seconds, bound.why) for bound in (written.build, written.agent, written.finalize)
    ] == [(60.0, "`build_timeout`"), (5.0, "`agent_timeout`"), (7200.0, "`verifier_timeout`")]
    assert written.verifier == default.verifier


def test_the_reasons_add_up() -> None:
    bound = derive_timeouts(task_of({"timeout": 100})).finalize
    draining, scorings, timeout, margin, closing = (
        float(number) for number in re.findall(r"\d+", bound.why)
    )
    assert bound.seconds == draining + scorings * (timeout + margin) + closing
