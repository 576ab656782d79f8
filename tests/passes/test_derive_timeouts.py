"""The collect hook waits at least as long as the evaluator may take to finalise."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from compiler.runtime.evaluator.finalise import finalise_seconds
from compiler.runtime.evaluator.plan import decode_plan
from tests.fixture_cases import OK, list_cases


@pytest.mark.parametrize("case", list_cases(OK))
def test_the_hook_and_the_evaluator_count_alike(case: str) -> None:
    expected: Path = OK / case / "expected"
    config = tomllib.loads((expected / "task.toml").read_text("utf-8"))
    plan = json.loads((expected / "environment/evaluator/plan.json").read_text("utf-8"))
    (hook,) = config["verifier"]["collect"]
    assert hook["service"] == "eval-sidecar"
    # What the hook waits beyond is for an evaluator that is just starting again.
    assert hook["timeout_sec"] == finalise_seconds(decode_plan(plan)) + 60.0
