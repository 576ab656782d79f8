"""`mooring status`, the help, and what is wrong with the plan or the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from compiler.runtime.client import guide
from compiler.runtime.client.cli import COMMANDS
from compiler.runtime.client.errors import ClientError
from compiler.runtime.client.plan import read_plan
from compiler.runtime.client.text import shown
from tests.runtime.client.stub import PART, assert_readable, mooring, serving, write_plan

SCHEMA = Path(__file__).parents[3] / "schemas" / "runtime" / "workbench-plan.schema.json"
STATUS = {
    "task": "org/name",
    "baseline": {"commit": "a" * 40},
    "sealed": False,
    "splits": [
        {
            "name": "train",
            "access": "viewable",
            "samples": 20,
            "min_samples": 1,
            "max_samples_per_run": 10,
            "budget": {"runs": {"total": 10, "left": 7}, "samples": None},
        },
        {
            "name": "validation",
            "access": "non_viewable",
            "samples": 5,
            "min_samples": 5,
            "max_samples_per_run": None,
            "budget": None,
        },
    ],
    "submit": {"enabled": True, "submitted": None},
    "jobs": [
        {"id": str(n), "split": "train", "commit": "b" * 40, "state": "done"} for n in range(12)
    ],
}


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return write_plan(tmp_path, tmp_path / "work", "1" * 40)


def test_status(plan: Path, tmp_path: Path) -> None:
    with serving({"GET /status": [(200, STATUS)]}) as stub:
        done = mooring("status", "--plan", plan, url=stub.url, cwd=tmp_path)
        as_json = mooring("status", "--json", "--plan", plan, url=stub.url, cwd=tmp_path)
    assert done.returncode == as_json.returncode == 0
    assert json.loads(as_json.stdout) == STATUS
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "task org/name, baseline aaaaaaaaaaaa",
        "",
        "split       tier          samples  least  most  runs left  samples left",
        "train       viewable      20       1      10    7 of 10    no limit",
        "validation  non_viewable  5        5      -     no limit   no limit",
    ]
    assert lines[7] == "2    train  bbbbbbbbbbbb  done"
    assert lines[17:] == [
        "the latest 10 of 12",
        "",
        "The result is the commit that you submit (`mooring submit`): none yet.",
    ]


@pytest.mark.parametrize(
    ("enabled", "submitted", "said"),
    [
        (True, {"commit": "c" * 40}, "you submitted last: cccccccccccc."),
        (False, None, "there is nothing to submit."),
    ],
)
def test_how_the_result_comes_about(
    tmp_path: Path, enabled: bool, submitted: object, said: str
) -> None:
    plan = write_plan(tmp_path, tmp_path, "1" * 40, {"submit_enabled": enabled, "network": "none"})
    status = {**STATUS, "submit": {"enabled": enabled, "submitted": submitted}}
    with serving({"GET /status": [(200, status)]}) as stub:
        done = mooring("status", "--plan", plan, url=stub.url, cwd=tmp_path)
    assert done.stdout.rstrip().endswith(said)
    assert "no network" in done.stdout.splitlines()[1]


def test_a_sealed_session_without_jobs(plan: Path, tmp_path: Path) -> None:
    with serving({"GET /status": [(200, {**STATUS, "sealed": True, "jobs": []})]}) as stub:
        done = mooring("status", "--plan", plan, url=stub.url, cwd=tmp_path)
    assert "sealed: no further evaluations" in done.stdout


@pytest.mark.parametrize("document", [{}, {"splits": 1}, {"splits": [1], "jobs": []}, []])
def test_answers_that_are_no_status(plan: Path, tmp_path: Path, document: object) -> None:
    with serving({"GET /status": [(200, document)]}) as stub:
        done = mooring("status", "--plan", plan, url=stub.url, cwd=tmp_path)
    assert_readable(done, ["evaluator's"])
    assert done.returncode == 3


def test_output_that_nobody_takes(plan: Path, tmp_path: Path) -> None:
    script = '"$@" 2>&1 >/dev/full | cat; "$@" | true'
    with serving({"GET /status": [(200, STATUS)]}) as stub:
        done = subprocess.run(
            ["sh", "-c", script, "sh", sys.executable, "-I", "-S", PART, "status", "--plan", plan],
            env={"PATH": "/usr/bin:/bin", "MOORING_EVAL_URL": stub.url},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "Traceback" not in done.stdout + done.stderr
    assert "No space left" in done.stdout


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_any_locale(plan: Path, tmp_path: Path, locale: str) -> None:
    with serving({"GET /status": [(200, {**STATUS, "task": "Größe\x1b"})]}) as stub:
        done = mooring(
            "status", "--plan", plan, url=stub.url, cwd=tmp_path, extra={"LC_ALL": locale}
        )
    assert done.returncode == 0
    assert "\\x1b" in done.stdout


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("reward", "--help"), *[(c.NAME, "--help") for c in COMMANDS]]
)
def test_help(words: tuple[str, ...], tmp_path: Path) -> None:
    done = mooring(*words, url=None, cwd=tmp_path)
    text = done.stdout if words else done.stderr
    assert done.returncode == (0 if words else 2)
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "example" in text if len(words) == 2 else "budgets:" in text
    assert "exit code" in text or "reward" in words


def test_the_help_says_what_the_contract_says() -> None:
    """An agent that reads nothing else learns each command, each exit code, and the files."""
    said = guide.DESCRIPTION + guide.EPILOG
    words = ["viewable", "non_viewable", "--samples", "--num-samples", "--detach", "--json"]
    words += ["budget_spent", "/work/results/JOB/samples.jsonl", "mooring wait JOB"]
    assert [word for word in words if word not in said] == []
    codes = set(re.findall(r"(?m)^  (\d+)", guide.EPILOG))
    assert codes == {"0", "2", "3", "4", "128"}


@pytest.mark.parametrize("words", [("evla",), ("status", "--jsno"), ("reward",), ("--version",)])
def test_wrong_command_lines(words: tuple[str, ...], tmp_path: Path) -> None:
    done = mooring(*words, url=None, cwd=tmp_path)
    assert_readable(done, ["--help` shows how it is used"])
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "{",
        "\xff",
        "null",
        '{"plan_version": 2, "service": "main"}',
        '{"plan_version": 1, "service": "runner"}',
    ],
)
def test_plans_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="latin-1")
    done = mooring("status", "--plan", tmp_path / "plan.json", url="http://x", cwd=tmp_path)
    assert_readable(done, ["plan.json cannot be used"])
    assert done.returncode == 3


def test_no_plan(tmp_path: Path) -> None:
    done = mooring("status", "--plan", tmp_path / "none", url="http://x", cwd=tmp_path)
    assert_readable(done, ["there is no plan at", "inside the task's workbench"])
    assert done.returncode == 3


@pytest.mark.parametrize(
    "change",
    [
        {"splits": None},
        {"splits": ["train"]},
        {"splits": [{"name": "train"}]},
        {"splits": [{"name": "train", "access": "no_access", "min_samples": 1}]},
        {"splits": [{"name": "train", "access": "viewable", "min_samples": 0}]},
        {"splits": [{"name": "train", "access": "viewable", "min_samples": True}]},
        {"splits": [{"name": "train", "access": "viewable", "min_samples": None}]},
        {"submit_enabled": 1},
        {"submit_enabled": None},
        {"network": "some"},
        {"baseline": {"commit": "HEAD"}},
        {"baseline": None},
        {"agent": {"user": "root", "uid": 0}},
        {"agent": {"user": "a", "uid": True}},
        {"repository": ""},
        {"task": 1},
    ],
)
def test_the_schema_and_the_command_refuse_the_same(
    tmp_path: Path, change: dict[str, object]
) -> None:
    schema = json.loads(SCHEMA.read_text())
    good = write_plan(tmp_path, tmp_path, "1" * 40)
    jsonschema.validate(json.loads(good.read_text()), schema)
    read_plan(good)
    bad = write_plan(tmp_path, tmp_path, "1" * 40, change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(bad.read_text()), schema)
    with pytest.raises(ClientError) as caught:
        read_plan(bad)
    assert caught.value.code == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é", "plain é"),
        ("\x00\x1b\x7f\x9b", "\\x00\\x1b\\x7f\\x9b"),
        ("\u202e\u2028\ud800", "\\u202e\\u2028\\ud800"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert shown("x" * 50, 10) == "xxxxxxx..."
