"""What is emitted for every ok case is good by the tools of its own format."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixture_cases import OK, ROOT, list_cases

TOOLS = Path(sys.executable).parent
STARTER = ROOT / "templates" / "starter"
# Copies of the user's own files, which are not ours to judge.
NOT_EMITTED = (
    "environment/evaluator/inner/",
    "environment/evaluator/scorer/",
    "environment/gateways/files/",
)
# Cases with one image more.
WITH_GATEWAYS = ("gateways", "gateways-alone")
# Cases with launch/launch.sh.
WITH_ANVIL = ("launch", "tongs")
TASKS = [case for case in list_cases(OK) if (OK / case / "expected" / "task.toml").exists()]


def emitted(folder: Path) -> list[Path]:
    """The files of an ``expected/`` that the compiler made."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path for path in paths if not path.relative_to(folder).as_posix().startswith(NOT_EMITTED)
    )


def scripts_in(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.read_bytes()[:2] == b"#!"]


def run_tool(name: str, *args: str | Path) -> str:
    """What the tool has to say; nothing when it finds nothing."""
    argv = [str(TOOLS / name), *map(str, args)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    said = done.stdout + done.stderr
    assert bool(done.returncode) == bool(said), said
    return said


def test_every_way_to_build_a_task_is_a_case() -> None:
    assert len(TASKS) >= 6
    assert "bare" in set(list_cases(OK)) - set(TASKS)


@pytest.mark.parametrize("case", [*TASKS, "gateways-alone"])
def test_dockerfiles_pass_hadolint(case: str) -> None:
    services = ["evaluator", "runner"] if case in TASKS else []
    gateways = ["gateways"] if case in WITH_GATEWAYS else []
    folders = ["environment"] if case in TASKS else []
    folders += [f"environment/{service}" for service in sorted([*services, *gateways])]
    files = [OK / case / "expected" / folder / "Dockerfile" for folder in folders]
    found = [path for path in emitted(OK / case / "expected") if path.name == "Dockerfile"]
    assert found == files
    assert run_tool("hadolint", *files) == ""


@pytest.mark.parametrize("case", sorted({*TASKS, *WITH_ANVIL}))
def test_scripts_pass_shellcheck_with_every_optional_check(case: str) -> None:
    scripts = scripts_in(emitted(OK / case / "expected"))
    more = case in WITH_ANVIL
    assert len(scripts) == 6 * (case in TASKS) + more
    # Those that are left out ask for another style: braces around every variable, `[[` in POSIX
    # scripts, a last `*)` in a case that needs none, and no test whose failure is the answer.
    left_out = (
        "require-variable-braces",
        "require-double-brackets",
        "add-default-case",
        "check-set-e-suppressed",
    )
    known = re.findall(r"^name: +(\S+)", run_list(), re.MULTILINE)
    assert set(left_out) < set(known)
    enabled = ",".join(name for name in known if name not in left_out)
    assert run_tool("shellcheck", "--norc", f"--enable={enabled}", *scripts) == ""


def run_list() -> str:
    argv = [str(TOOLS / "shellcheck"), "--list-optional"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("case", TASKS)
def test_a_script_can_be_run_and_nothing_else(case: str) -> None:
    paths = emitted(OK / case / "expected")
    programs = [path for path in paths if path.stat().st_mode & 0o100]
    assert programs == scripts_in(paths)


def test_the_tools_can_find_something(tmp_path: Path) -> None:
    script, dockerfile = tmp_path / "x.sh", tmp_path / "Dockerfile"
    script.write_text("#!/bin/sh\nrm $1\n")
    dockerfile.write_text("FROM debian\nRUN cd /x && ls\n")
    assert "SC2086" in run_tool("shellcheck", "--norc", script)
    assert "DL3006" in run_tool("hadolint", dockerfile)


def test_the_inner_tasks_of_the_starter_pass_both() -> None:
    paths = [path for path in (STARTER / "b" / "tasks").rglob("*") if path.is_file()]
    dockerfiles = [path for path in paths if path.name == "Dockerfile"]
    assert len(dockerfiles) == 6
    assert run_tool("hadolint", *dockerfiles) == ""
    scripts = scripts_in(paths)
    assert len(scripts) == 12
    assert run_tool("shellcheck", "--norc", *scripts) == ""
