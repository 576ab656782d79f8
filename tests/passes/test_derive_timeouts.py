"""The collect hook waits at least as long as the evaluator may take to finalise."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from compiler.runtime.evaluator.finalise import finalise_seconds
from compiler.runtime.evaluator.plan import decode_plan
from tests.fixture_cases import OK, list_cases


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
