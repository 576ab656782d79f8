"""Inputs outside the project: MOR331, once for each path that others will not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.git_oddities import run_git
from tests.projects import (
    codes,
    keys,
    line_of,
    mode_b,
    read,
    write_build,
    write_project,
    write_project_b,
)


def make(folder: Path, changes: dict[str, Any] | None = None) -> Path:
    """A project in folder/project, everything else beside it."""
    write_project(folder / "project")
    (folder / "beside").mkdir()
    (folder / "beside" / "requirements.txt").write_text("")
    (folder / "beside" / "template.md").write_text('{% extends "instruction.md" %}')
    return write_build(folder / "project", changes)


OUTSIDE: list[dict[str, Any]] = [
    {"agent_repo": "../beside"},
    {"dataset": "../beside/data"},
    {"task_project": "../beside/scorer"},
    {"scorer_requirements": "../beside/requirements.txt"},
    {"instruction_template": "../beside/template.md"},
]


@pytest.mark.parametrize("changes", OUTSIDE, ids=lambda changes: next(iter(changes)))
def test_a_path_that_leaves(tmp_path: Path, changes: dict[str, Any]) -> None:
    build_file = make(tmp_path, changes)
    for name in ("data", "scorer"):
        (tmp_path / "project" / name).rename(tmp_path / "beside" / name)
        (tmp_path / "project" / name).symlink_to(f"../beside/{name}")
    (key,) = changes
    found = [d for d in read(build_file)[1] if d.code == "MOR331"]
    lines = {line_of(keys(changes), name) for name in ("dataset", "task_project", key)}
    assert {d.span.line for d in found} == lines
    assert all(d.severity == "warning" for d in found)


def test_an_overlay_that_comes_from_outside(tmp_path: Path) -> None:
    overlays = [{"source": "data/train.jsonl", "dest": "b"}, {"source": "../beside", "dest": "a"}]
    found = [d for d in read(make(tmp_path, {"overlays": overlays}))[1] if d.code == "MOR331"]
    assert [dict(d.params)["path"] for d in found] == ["../beside"]


def test_what_only_looks_like_leaving(tmp_path: Path) -> None:
    changes = {"dataset": "../project/data", "task_project": "./agent/../scorer"}
    assert read(make(tmp_path, changes))[1] == ()


def test_a_folder_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    build_file = make(tmp_path, {"dataset": "../project-2/data"})
    (tmp_path / "project-2").mkdir()
    (tmp_path / "project" / "data").rename(tmp_path / "project-2" / "data")
    assert codes(read(build_file)[1]) == ["MOR331"]


def test_an_absolute_path_is_told_of_where_it_leaves(tmp_path: Path) -> None:
    build_file = make(tmp_path, {"dataset": str(tmp_path / "project" / "data")})
    assert read(build_file)[1] == ()
    build_file = write_build(tmp_path / "project", {"dataset": "/"})
    assert "MOR331" in codes(read(build_file)[1])


def test_the_project_is_the_whole_repository(tmp_path: Path) -> None:
    build_file = make(tmp_path, {"scorer_requirements": "../beside/requirements.txt"})
    assert codes(read(build_file)[1]) == ["MOR331"]
    run_git(tmp_path, "init", "--quiet", "--template=")
    run_git(tmp_path, "add", "--all")
    run_git(tmp_path, "commit", "--quiet", "--message=x")
    assert codes(read(build_file)[1]) == []


def test_the_paths_of_mode_b(tmp_path: Path) -> None:
    build_file = write_project_b(tmp_path / "project")
    (tmp_path / "names.json").write_text('["mango"]')
    (tmp_path / "project" / "tasks").rename(tmp_path / "tasks")
    partition = {k: v for k, v in mode_b()["partition"].items() if k != "test"}
    changes = {
        "inner_task": "../tasks",
        "partition": partition,
        "partition_files": {"test": "../names.json"},
    }
    write_build(tmp_path / "project", mode_b(changes))
    assert codes(read(build_file)[1]) == ["MOR331", "MOR331"]
