"""Decoding of the evaluator's plan: complete or refused, with the place."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler.runtime.evaluator.fields import PlanError
from compiler.runtime.evaluator.plan import Access, Mode, decode_plan, read_plan

from .house import PART, plan_of

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "schemas/runtime/evaluator-plan.schema.json").read_text())
DELETE = object()


def good() -> dict[str, Any]:
    return plan_of(Path("/srv/task"), "a" * 40, "b" * 40)


def changed(path: str, value: object) -> dict[str, Any]:
    """The good plan with one value replaced, added or deleted."""
    plan: Any = copy.deepcopy(good())
    *way, last = [int(word) if word.isdecimal() else word for word in path.split(".")]
    at = plan
    for word in way:
        at = at[word]
    if value is DELETE:
        del at[last]
    else:
        at[last] = value
    return dict(plan)


def test_a_good_plan_is_typed() -> None:
    plan = decode_plan(good())
    train = plan.split("train")
    assert train is not None
    assert train.access is Access.VIEWABLE
    assert plan.split("nope") is None
    budget = plan.budget("validation")
    assert budget is not None
    assert (budget.runs, budget.samples) == (None, 40)
    assert plan.budget("test") is None
    assert (plan.selection.mode, plan.targets[0].sample_ids) == (Mode.AUTO_BEST, None)
    jsonschema.validate(good(), SCHEMA)


# What is changed, the place of the complaint, and whether the schema refuses it too (it does not
# know references between parts).
BAD = [
    ("plan_version", 2, "plan.plan_version", True),
    ("plan_version", True, "plan.plan_version", True),
    ("mode", "C", "plan.mode", True),
    ("mode", None, "plan.mode", True),
    ("harbor", {}, "plan.harbor", True),
    ("splits.0.file", "train.json", "plan.splits[0].file", True),
    ("service", "runner", "plan.service", True),
    ("extra", 1, "plan.extra", True),
    ("task", DELETE, "plan.task", True),
    ("deterministic", DELETE, "plan.deterministic", True),
    ("submit_enabled", DELETE, "plan.submit_enabled", True),
    ("score_baseline", DELETE, "plan.score_baseline", True),
    ("read_only_paths", DELETE, "plan.read_only_paths", True),
    ("splits.0.min_samples", DELETE, "plan.splits[0].min_samples", True),
    ("budgets.0.max_samples_per_run", DELETE, "plan.budgets[0].max_samples_per_run", True),
    ("selection.mode", DELETE, "plan.selection.mode", True),
    ("selection.baseline_floor", DELETE, "plan.selection.baseline_floor", True),
    ("targets.0.sample_ids", DELETE, "plan.targets[0].sample_ids", True),
    ("task", "", "plan.task", True),
    ("task", 7, "plan.task", True),
    ("baseline.commit", "A" * 40, "plan.baseline.commit", True),
    ("baseline.commit", "a" * 64, "plan.baseline.commit", False),
    ("baseline.object_format", "md5", "plan.baseline.object_format", True),
    ("baseline.archive", "baseline.tar", "plan.baseline.archive", True),
    ("baseline.time", -1, "plan.baseline.time", True),
    ("listen.port", 0, "plan.listen.port", True),
    ("listen.port", 70000, "plan.listen.port", True),
    ("paths.admin", "/state/../etc", "plan.paths.admin", False),
    ("paths.other", "/x", "plan.paths.other", True),
    ("input_fields", [], "plan.input_fields", True),
    ("input_fields", ["a", "a"], "plan.input_fields[1]", True),
    ("input_fields", "question", "plan.input_fields", True),
    ("splits.2.access", "public", "plan.splits[2].access", True),
    ("splits.2.access", None, "plan.splits[2].access", True),
    ("splits.1.name", "train", "plan.splits[1].name", False),
    ("splits.1.file", "train.jsonl", "plan.splits[1].file", False),
    ("splits.0.file", "../train.jsonl", "plan.splits[0].file", True),
    ("splits.0.samples", 0, "plan.splits[0].samples", True),
    ("splits.0.samples", 1.5, "plan.splits[0].samples", True),
    ("splits.0", [], "plan.splits[0]", True),
    ("splits.0.min_samples", 0, "plan.splits[0].min_samples", True),
    ("splits.0.min_samples", None, "plan.splits[0].min_samples", True),
    ("scorer.module", "a b", "plan.scorer.module", True),
    ("budgets.0.split", "nope", "plan.budgets[0].split", False),
    ("budgets.1.split", "train", "plan.budgets[1].split", False),
    ("budgets.0.total_run_budget", -1, "plan.budgets[0].total_run_budget", True),
    ("budgets.0.total_run_budget", "3", "plan.budgets[0].total_run_budget", True),
    ("budgets.0.total_sample_budget", DELETE, "plan.budgets[0].total_sample_budget", True),
    ("selection.split", "nope", "plan.selection.split", False),
    ("budgets.0.max_samples_per_run", -1, "plan.budgets[0].max_samples_per_run", True),
    ("budgets.0.max_samples_per_run", "9", "plan.budgets[0].max_samples_per_run", True),
    ("deterministic", 1, "plan.deterministic", True),
    ("deterministic", None, "plan.deterministic", True),
    ("submit_enabled", "yes", "plan.submit_enabled", True),
    ("score_baseline", 0, "plan.score_baseline", True),
    ("selection.mode", "best", "plan.selection.mode", True),
    ("selection.baseline_floor", None, "plan.selection.baseline_floor", True),
    ("selection.rescore_top_k", 0, "plan.selection.rescore_top_k", True),
    ("targets", [], "plan.targets", True),
    ("targets.0.split", "nope", "plan.targets[0].split", False),
    ("targets.0.sample_ids", [], "plan.targets[0].sample_ids", True),
    ("targets.0.sample_ids", ["a", "a"], "plan.targets[0].sample_ids[1]", True),
    ("targets.0.sample_ids", [7], "plan.targets[0].sample_ids[0]", True),
    ("targets.0.sample_ids", "a", "plan.targets[0].sample_ids", True),
    ("targets.0.reward_key", "a b", "plan.targets[0].reward_key", True),
    ("failure_value", float("nan"), "plan.failure_value", False),
    ("failure_value", 1e300, "plan.failure_value", True),
    ("failure_value", False, "plan.failure_value", True),
    ("timeout", 0, "plan.timeout", True),
    ("sample_timeout", "60", "plan.sample_timeout", True),
    ("max_concurrency", 0, "plan.max_concurrency", True),
    ("limits.output_bytes", 0, "plan.limits.output_bytes", True),
    ("limits.git_seconds", 1e9, "plan.limits.git_seconds", True),
    ("secrets", ["A B"], "plan.secrets[0]", True),
    ("secrets", ["A\0"], "plan.secrets[0]", True),
]


@pytest.mark.parametrize(("path", "value", "place", "by_schema"), BAD)
def test_a_bad_plan_is_refused_with_its_place(
    path: str, value: object, place: str, by_schema: bool
) -> None:
    plan = changed(path, value)
    with pytest.raises(PlanError) as caught:
        decode_plan(plan)
    assert caught.value.place == place
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(plan) is not by_schema


@pytest.mark.parametrize("text", ["", "[", "[]", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100000])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(PlanError):
        read_plan(path)
    with pytest.raises(PlanError):
        read_plan(tmp_path / "missing.json")


@pytest.mark.parametrize("command", ["serve", "health", "finalize"])
def test_commands_refuse_a_bad_plan(tmp_path: Path, command: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(changed("splits.2.access", "public")))
    words = [sys.executable, "-I", str(PART), command, "--plan", str(path)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "mooring: plan.splits[2].access: 'public' is not a tier\n"


def test_finalize_and_health_need_the_standard_library_alone(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    plan = changed("paths.admin", str(tmp_path / "admin"))
    path.write_text(json.dumps(plan))
    words = [sys.executable, "-I", "-S", str(PART), "health", "--plan", str(path)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert "does not answer" in result.stderr
