"""mooring plan, and the formats of what every command has to say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Mooring
from tests.git_oddities import run_git
from tests.projects import REQUIRED, write_build, write_project, write_rows


@pytest.fixture
def build(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_plan_writes_nothing(
    mooring: Mooring, build: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(build.parent)
    before = everything(build.parent.parent)
    ended = mooring("plan", build, *words)
    assert (ended.code, ended.err) == (0, "")
    assert "eval-sidecar" in ended.out
    assert everything(build.parent.parent) == before


def test_plan_as_json(mooring: Mooring, build: Path) -> None:
    assert json.loads(mooring("plan", build, "--json").out)["name"] == "org/small"


def test_plan_knows_no_value_of_a_secret(
    mooring: Mooring, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "the-value-of-the-secret")
    write_build(build.parent, {"secrets": ["JUDGE_KEY"]})
    for words in ((), ("--json",)):
        ended = mooring("plan", build, *words)
        assert "JUDGE_KEY" in ended.out
        assert "the-value" not in ended.out + ended.err


def test_plan_of_a_build_without_a_task(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, dict.fromkeys(key for key in REQUIRED if key != "name"))
    ended = mooring("plan", build)
    assert ended.code == 0
    assert ended.out == "org/small: nothing to write\n"
    assert "MOR125" in ended.err


def test_plan_of_a_build_with_errors(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, {"selection_split": "nothing"})
    ended = mooring("plan", build)
    assert (ended.code, ended.out) == (2, "")
    assert "MOR200" in ended.err


# Formats.


def test_json_has_all_and_counts_them(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, {"selection_split": "tran", "command": ["run", "{output}"]})
    write_rows(build.parent, "extra", [{"question": "q"}])
    ended = mooring("check", build, "--format", "json")
    assert (ended.code, ended.err) == (2, "")
    document = json.loads(ended.out)
    assert (document["errors"], document["warnings"], document["notes"]) == (1, 1, 1)
    told = {d["code"]: d for d in document["diagnostics"]}
    assert set(told) == {"MOR200", "MOR208", "MOR206"}
    wrong = told["MOR200"]
    assert (wrong["file"], wrong["line"], wrong["column"]) == (str(build), 10, 18)
    assert (wrong["severity"], wrong["params"]["split"]) == ("error", "tran")
    assert "`train`" in wrong["help"]


@pytest.mark.parametrize("format", ["json", "github"])
def test_where_nothing_is_wrong(mooring: Mooring, build: Path, format: str) -> None:
    ended = mooring("check", build, "--format", format)
    assert (ended.code, ended.err) == (0, "")
    if format == "json":
        assert json.loads(ended.out) == {
            "diagnostics": [], "errors": 0, "warnings": 0, "notes": 0,
        }  # fmt: skip
    else:
        assert ended.out == ""


def test_github_has_a_line_for_each(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, {"selection_split": "tran", "command": ["run", "{output}"]})
    write_rows(build.parent, "extra", [{"question": "q"}])
    lines = mooring("check", build, "--format", "github").out.splitlines()
    assert sorted(line.split(" ")[0] for line in lines) == ["::error", "::notice", "::warning"]
    assert all(f"title=MOR{code}" in "".join(lines) for code in (200, 206, 208))


@pytest.mark.parametrize("format", ["text", "json", "github"])
def test_quiet_leaves_errors_alone(mooring: Mooring, build: Path, format: str) -> None:
    write_build(build.parent, {"selection_split": "tran", "command": ["run", "{output}"]})
    ended = mooring("check", build, "--quiet", "--format", format)
    assert ended.code == 2
    assert "MOR200" in ended.out + ended.err
    assert "MOR208" not in ended.out + ended.err


def test_a_format_that_there_is_not(mooring: Mooring, build: Path) -> None:
    ended = mooring("check", build, "--format", "xml")
    assert ended.code == 2
    assert "xml" in ended.err


# What git leaves out.


@pytest.fixture
def repository(build: Path) -> Path:
    run_git(build.parent, "init", "--quiet", "--template=")
    run_git(build.parent, "add", "--all")
    run_git(build.parent, "commit", "--quiet", "--message=x")
    return build.parent


@pytest.mark.parametrize(
    ("ignored", "told"),
    [
        ("*.json\n", True),
        ("/task/environment/evaluator\n", True),
        ("data/\n", True),
        ("*.tar\n!baseline.tar\n", False),
        ("", False),
        ("/elsewhere\n", False),
        # As a whole it is not meant to be checked in.
        ("/task\n", False),
        ("task/\n", False),
        ("*\n", False),
    ],
)
def test_files_that_a_commit_would_lack(
    mooring: Mooring, build: Path, repository: Path, ignored: str, told: bool
) -> None:
    (repository / ".gitignore").write_text(ignored)
    ended = mooring("compile", build, "-o", repository / "task")
    assert ended.code == 0, ended.err
    assert ("MOR332" in ended.err) is told
    held = mooring("compile", build, "-o", repository / "task", "--check")
    assert ("MOR332" in held.err) is told
    assert (repository / "task" / "mooring.manifest.json").exists()


def test_it_is_one_document_with_the_rest(mooring: Mooring, build: Path, repository: Path) -> None:
    (repository / ".gitignore").write_text("*.json\n")
    write_build(repository, {"command": ["run", "{output}"]})
    ended = mooring("compile", build, "-o", repository / "task", "--format", "json", "--quiet")
    assert json.loads(ended.out)["diagnostics"] == []
    ended = mooring("compile", build, "-o", repository / "task", "--format", "json")
    assert {d["code"] for d in json.loads(ended.out)["diagnostics"]} == {"MOR208", "MOR332"}


def test_outside_a_repository_nothing_is_ignored(
    mooring: Mooring, build: Path, repository: Path, tmp_path: Path
) -> None:
    (repository / ".gitignore").write_text("*.json\n")
    ended = mooring("compile", build, "-o", tmp_path / "beside")
    assert ended.code == 0
    assert "MOR332" not in ended.err


def test_the_user_s_own_ignore_file_counts(
    mooring: Mooring,
    build: Path,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "home" / ".config" / "git").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "git" / "ignore").write_text("*.tree\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    assert "MOR332" in mooring("compile", build, "-o", repository / "task").err
