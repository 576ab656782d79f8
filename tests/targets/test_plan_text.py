"""What `mooring plan` shows: everything of the plan, no value of a secret, in both forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compiler.ir.task_plan import TaskPlan
from compiler.passes.lower_task import lower_task
from compiler.targets.json_text import render_json
from compiler.targets.plan_text import describe_plan, render_plan
from tests.projects import project_of, write_project

CHANGES: dict[str, Any] = {
    "secrets": ["JUDGE_KEY", {"name": "MODEL_KEY", "to": "candidate"}],
    "agent_env": {"GREETING": "say 'hi'\nto $$USER"},
    "resources": {"main": {"cpus": 1.5, "memory": "512m", "pids": 99}},
    "max_concurrency": 2,
    "verifier_timeout": "2h",
}


@pytest.fixture
def plan(tmp_path: Path) -> TaskPlan:
    return lower_task(project_of(write_project(tmp_path, CHANGES)))


def test_as_data(plan: TaskPlan) -> None:
    data = describe_plan("org/small", plan)
    assert json.loads(render_json(data)) == data
    assert data["name"] == "org/small"
    services = {service["name"]: service for service in data["services"]}
    assert list(services) == [service.name for service in plan.services]
    main, evaluator, runner = services.values()
    assert main["environment"] == [
        {"name": "MOORING_EVAL_URL", "value": "http://eval-sidecar:8000"},
        {"name": "GREETING", "value": "say 'hi'\nto $USER"},
    ]
    assert main["resources"] == {"cpus": 1.5, "memory": 512 * 2**20, "pids": 99}
    assert main["capabilities"] == "the engine's"
    assert main["waits_for"] == {"eval-sidecar": "service_healthy"}
    assert {"volume": "agent_results", "target": "/work/results", "read_only": True} in (
        main["mounts"]
    )
    assert evaluator["environment"] == [{"name": "JUDGE_KEY", "from": "caller"}]
    assert evaluator["capabilities"] == []
    assert runner["environment"] == [{"name": "MODEL_KEY", "from": "caller"}]
    assert runner["read_only"] is True
    assert runner["networks"] == []
    assert all(len(tmpfs["mode"]) == 4 for tmpfs in runner["tmpfs"])
    assert {n["name"]: n["internal"] for n in data["networks"]} == {"default": False, "eval": True}
    assert {v["name"]: v["holds"] for v in data["volumes"]}["runner_io"] == []
    assert data["timeouts"]["finalize"] == {"seconds": 7200.0, "why": "`verifier_timeout`"}
    assert list(data["timeouts"]) == ["build", "agent", "finalize", "verifier"]


def test_for_people(plan: TaskPlan) -> None:
    text = render_plan("org/small", plan)
    lines = text.split("\n")
    assert lines[0] == "org/small"
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    for line in (
        "main: untrusted",
        "eval-sidecar: trusted",
        "runner: runs untrusted code",
        "  networks     default, eval",
        "  networks     none",
        "  variable     JUDGE_KEY, from the environment of harbor",
        "  variable     GREETING=\"say 'hi'\\nto $USER\"",
        "  mount        agent_results at /work/results, read-only",
        "  mount        agent_repo at /work/agent",
        "  capabilities none",
        "  capabilities CHOWN, KILL, SETGID, SETUID",
        "  root         read-only",
        "  cpus         1.5",
        "  memory       512 MiB",
        "  processes    99",
        "  waits for    eval-sidecar (healthy)",
        "  waits for    runner (started)",
        "networks  default, eval (internal)",
        "  finalize      7200 s  `verifier_timeout`",
    ):
        assert line in lines, line


def test_both_forms_say_the_same(plan: TaskPlan) -> None:
    text, data = render_plan("org/small", plan), describe_plan("org/small", plan)
    for service in data["services"]:
        for mount in service["mounts"]:
            assert f"{mount['volume']} at {mount['target']}" in text
        for variable in service["environment"]:
            assert f"variable     {variable['name']}" in text
        for tmpfs in service["tmpfs"]:
            assert tmpfs["target"] in text
    for bound in data["timeouts"].values():
        assert bound["why"] in text


def test_a_value_adds_no_line(tmp_path: Path) -> None:
    evil = "x\n  mount        admin_state at /x\u2028\u202e\x1b[31m"
    made = project_of(write_project(tmp_path, {"agent_env": {"A": evil}}))
    text = render_plan("org/small", lower_task(made))
    assert [
        line for line in text.splitlines() if line.startswith("  mount        admin_state")
    ] == ["  mount        admin_state at /state/admin"]
    assert all(c.isprintable() or c == "\n" for c in text)
