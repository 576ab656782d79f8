"""The plans that the compiler writes keep the contracts that the runtime reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from compiler import resources
from compiler.output.file_set import Made
from tests.projects import codes, compiled_of, read, write_project, write_rows


def text_of(build_file: Path, path: str) -> str:
    content = compiled_of(build_file).files[path].content
    assert isinstance(content, Made)
    return content.content.decode("utf-8")


PLANS = {
    "environment/evaluator/plan.json": "evaluator-plan",
    "environment/main/plan.json": "workbench-plan",
    "environment/runner/plan.json": "runner-plan",
    "environment/gateways/plan.json": "supervisor-plan",
}
MOST: dict[str, Any] = {
    "description": "All keys.",
    "task": "score",
    "budgets": [
        {"split": "train", "total_run_budget": 1},
        {"split": "validation", "total_sample_budget": 1000000000},
    ],
    "targets": [{"split": "test"}, {"split": "train", "reward_key": "train.score"}],
    "secrets": ["KEY"],
    "params": {"A": 1},
    "packages": ["jq"],
    "runner": {"packages": ["gcc"], "build": [["make"]], "network": "public"},
    "timeout": 0.5,
    "sample_timeout": "100ms",
    "agent_timeout": "720h",
    "max_concurrency": 64,
    "input_fields": ["question"],
    "gateways": {
        "command": ["gateway", "", "{profile}"],
        "marker": "-",
        "user": f"_{31 * '-'}",
        "env": {"A": None, "B": ""},
        "profiles": [
            {"name": "default", "start": True},
            {"name": 200 * "a", "env": {"_": None}},
        ],
        "port_range": "1-2000",
        "readiness": {"notification_fd": 8},
        "crash": {"deaths": 32, "window": "24h", "max_backoff": "1h"},
        "stop_timeout": "1h",
    },
}
LEAST: dict[str, Any] = {"gateways": {"command": ["gateway"]}}


@pytest.mark.parametrize(("path", "schema"), PLANS.items())
@pytest.mark.parametrize("changes", [LEAST, MOST], ids=["least", "most"])
def test_plans_keep_their_contract(
    tmp_path: Path, path: str, schema: str, changes: dict[str, Any]
) -> None:
    plan = json.loads(text_of(write_project(tmp_path, changes), path))
    validator = Draft202012Validator(resources.schema(f"runtime/{schema}"))
    assert [error.message for error in validator.iter_errors(plan)] == []


def test_a_split_that_would_break_the_contract_is_refused(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    write_rows(tmp_path, "extra", [])
    _, found = read(build_file)
    assert codes(found) == ["MOR315"]
