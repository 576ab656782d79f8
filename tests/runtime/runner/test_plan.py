"""The plan: what is refused, by the decoder and by the schema alike, and what the command says."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler.runtime.runner.plan import PlanError, decode_plan
from tests.runtime.runner.box import CONFINED, RUNNER, make_places, make_plan

SCHEMA = json.loads(
    (RUNNER.parents[2] / "schemas/runtime/runner-plan.schema.json").read_text(encoding="utf-8")
)
MISSING: Any = object()
# Where, what instead, what the message says.
WRONG: list[tuple[str, Any, str]] = [
    ("plan_version", 2, "plan_version"),
    ("plan_version", True, "plan_version"),
    ("plan_version", MISSING, "missing plan_version"),
    ("service", "main", "service"),
    ("extra", 1, "unknown extra"),
    ("socket", "run/runner.sock", "absolute"),
    ("socket", "/run/../runner.sock", "shortest"),
    ("socket", "/run/mooring/", "shortest"),
    ("socket", "/", "root"),
    ("socket", 1, "string"),
    ("candidates", "/srv//candidates", "shortest"),
    ("candidates", "//srv/candidates", "absolute"),
    ("slots", [], "1 to 256"),
    ("slots", ["/a", "/a"], "twice"),
    ("slots", "/a", "list"),
    ("slots", [f"/s/{index}" for index in range(257)], "1 to 256"),
    ("uid_base", 0, "uid_base"),
    ("uid_base", 1001, "uid_base"),
    ("uid_base", 2**32, "uid_base"),
    ("uid_base", True, "uid_base"),
    ("uid_base", "20000", "uid_base"),
    ("command", [], "words"),
    ("command", ["", "x"], "words"),
    ("command", "python3 x", "list"),
    ("command", ["a", 1], r"command\[1\]"),
    ("command", ["a\0b"], "NUL"),
    ("sample_timeout", 0, "sample_timeout"),
    ("sample_timeout", -1, "sample_timeout"),
    ("sample_timeout", True, "sample_timeout"),
    ("sample_timeout", 10**9, "sample_timeout"),
    ("setup", MISSING, "missing setup"),
    ("setup_timeout", MISSING, "missing setup_timeout"),
    ("secrets", MISSING, "missing secrets"),
    ("setup", [], "words"),
    ("setup", [""], "words"),
    ("setup", "make", "list"),
    ("setup", ["make", None], r"setup\[1\]"),
    ("setup", False, "list"),
    ("setup_timeout", 0, "setup_timeout"),
    ("setup_timeout", None, "setup_timeout"),
    ("setup_timeout", True, "setup_timeout"),
    ("secrets", None, "list"),
    ("secrets", [1], r"secrets\[0\]"),
    ("secrets", ["A-B"], "A-B"),
    ("secrets", [""], "name"),
    ("secrets", ["A", "A"], "twice"),
    ("secrets", ["HOME"], "HOME is set"),
    ("scratch", ["tmp"], r"scratch\[0\]"),
    ("environment", [], "environment"),
    ("environment", {"A-B": "x"}, "A-B"),
    ("environment", {"": "x"}, "name"),
    ("environment", {"HOME": "/x"}, "HOME is set"),
    ("environment", {"TMPDIR": "/x"}, "TMPDIR is set"),
    ("environment", {"A": 1}, "environment.A"),
    ("environment", {"A": "x\0"}, "NUL"),
    ("limits", {}, "limits: missing"),
    ("limits.processes", 0, "limits.processes"),
    ("limits.open_files", 3, "limits.open_files"),
    ("limits.output_bytes", 2**40, "limits.output_bytes"),
    ("limits.output_bytes", 1.5, "limits.output_bytes"),
    ("limits.stderr_bytes", -1, "limits.stderr_bytes"),
    ("limits.extra", 1, "unknown extra"),
]


def valid_plan() -> dict[str, Any]:
    return make_plan(Path("/srv/mooring"))


def change(plan: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(plan)
    *above, name = where.split(".")
    owner = changed[above[0]] if above else changed
    if value is MISSING:
        del owner[name]
    else:
        owner[name] = value
    return changed


def schema_accepts(value: Any) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(value)


def test_a_plan_is_decoded_whole() -> None:
    value = valid_plan()
    plan = decode_plan(value)
    assert plan.slots == tuple(value["slots"])
    assert plan.command == tuple(value["command"])
    assert plan.limits.tree_bytes == value["limits"]["tree_bytes"]
    assert schema_accepts(value)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("where", "value", "message"), WRONG)
def test_a_wrong_plan_is_refused(where: str, value: Any, message: str) -> None:
    wrong = change(valid_plan(), where, value)
    with pytest.raises(PlanError, match=message):
        decode_plan(wrong)
    # JSON Schema counts `true` as no integer and no 1, as the decoder does.
    assert not schema_accepts(wrong)


def test_a_secret_is_no_variable_of_the_plan() -> None:
    wrong = change(valid_plan(), "secrets", ["TOKEN", "LANG"])
    with pytest.raises(PlanError, match="secrets: LANG is in the environment as well"):
        decode_plan(wrong)


@pytest.mark.parametrize("value", [None, [], 1, "plan"])
def test_no_object(value: Any) -> None:
    with pytest.raises(PlanError, match="the plan: expected an object"):
        decode_plan(value)


def serve(root: Path, text: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    plan = root / "plan.json"
    plan.write_text(text)
    command = [*prefix, sys.executable, "-I", "-S", str(RUNNER), "serve", "--plan", str(plan)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "expected an object"),
        ('{"a":1,"a":1}', "twice"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_the_command_answers_2_for_a_wrong_plan(tmp_path: Path, text: str, message: str) -> None:
    done = serve(tmp_path, text)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("runner: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_the_command_answers_2_without_a_plan() -> None:
    command = [sys.executable, "-I", "-S", str(RUNNER), "serve", "--plan", "/nowhere/plan.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "No such file" in done.stderr


@pytest.mark.usefixtures("needs_root")
class TestWorld:
    """Exit code 3, with one line that names what is missing."""

    def check(self, root: Path, plan: dict[str, Any], message: str, *prefix: str) -> None:
        done = serve(root, json.dumps(plan), *prefix)
        assert done.returncode == 3, done.stderr
        assert done.stderr.count("\n") == 1
        assert message in done.stderr

    def test_a_missing_folder(self, open_path: Path) -> None:
        self.check(open_path, make_plan(open_path), "slots/0: No such file", *CONFINED)

    def test_a_folder_of_another_user(self, open_path: Path) -> None:
        plan = make_plan(open_path)
        make_places(plan)
        os.chown(plan["candidates"], plan["uid_base"], 0)
        self.check(open_path, plan, "not to root", *CONFINED)

    def test_a_symlink_as_a_slot(self, open_path: Path) -> None:
        plan = make_plan(open_path)
        make_places(plan)
        os.rmdir(plan["slots"][1])
        os.symlink("/etc", plan["slots"][1])
        self.check(open_path, plan, "not a folder", *CONFINED)

    def test_something_else_at_the_socket(self, open_path: Path) -> None:
        plan = make_plan(open_path)
        make_places(plan)
        Path(plan["socket"]).write_text("mine")
        self.check(open_path, plan, "no socket", *CONFINED)
        assert Path(plan["socket"]).read_text() == "mine"

    @pytest.mark.parametrize("name", ["chown", "kill", "setgid", "setuid"])
    def test_a_missing_capability(self, open_path: Path, name: str) -> None:
        prefix = ("setpriv", f"--bounding-set=-{name}", "--inh-caps=-all")
        self.check(open_path, make_plan(open_path), f"{name.upper()} are missing", *prefix)

    def test_missing_and_empty_secrets(self, open_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setenv("RUNNER_EMPTY", "")
        monkeypatch.setenv("RUNNER_THERE", "the-value")
        secrets = ["RUNNER_THERE", "RUNNER_ABSENT", "RUNNER_EMPTY"]
        plan = make_plan(open_path, secrets=secrets)
        make_places(plan)
        self.check(open_path, plan, "lacks the secrets RUNNER_ABSENT, RUNNER_EMPTY\n", *CONFINED)

    def test_not_root(self, open_path: Path) -> None:
        plan = make_plan(open_path)
        # The checkout may not be open to others: the module is loaded before root is given up.
        script = "import os\nfrom compiler.runtime.runner import system\n"
        script += f"os.setuid({plan['uid_base']})\nsystem.check_rights()\n"
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=RUNNER.parents[2],
        )
        assert "must run as root" in done.stderr
