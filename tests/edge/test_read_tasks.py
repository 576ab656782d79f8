"""Mode B's tasks: what is a task, which are in which split, and what is no list of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.diagnostics.render_text import message_of
from tests.projects import (
    MODE_B,
    TASKS,
    codes,
    keys,
    line_of,
    mode_b,
    project_of,
    read,
    write_build,
    write_project_b,
)

PARTITION: dict[str, list[str]] = MODE_B["partition"]


def complaints(build_file: Path) -> list[str]:
    return codes(read(build_file)[1])


def from_file(folder: Path, content: str | bytes) -> tuple[Diagnostic, ...]:
    """The complaints where the tasks of `test` are in a file of that content."""
    partition = {split: names for split, names in PARTITION.items() if split != "test"}
    changes = {"partition": partition, "partition_files": {"test": "lists/test.json"}}
    build_file = write_project_b(folder, changes)
    (folder / "lists").mkdir()
    data = content.encode() if isinstance(content, str) else content
    (folder / "lists" / "test.json").write_bytes(data)
    return read(build_file)[1]


def test_a_whole_project(tmp_path: Path) -> None:
    project = project_of(write_project_b(tmp_path))
    assert {d.split: list(d.ids) for d in project.inputs.data} == PARTITION
    assert [(d.split, d.file, d.source) for d in project.inputs.data] == [
        (split, f"{split}.json", None) for split in PARTITION
    ]
    assert project.inputs.inner_tasks == tuple(sorted(TASKS))
    assert {f.path for f in project.inputs.inner} == {f"{name}/task.toml" for name in TASKS}
    assert project.samples("validation") == 5


def test_a_task_is_a_folder_with_a_task_toml(tmp_path: Path) -> None:
    build_file = write_project_b(tmp_path)
    for path in ("a/x/task.toml", "task.toml", "b/README.md", "c/Task.toml", "d/task.toml.bak"):
        (tmp_path / "tasks" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tasks" / path).write_text("")
    (tmp_path / "tasks" / "e" / "task.toml").mkdir(parents=True)
    assert project_of(build_file).inputs.inner_tasks == tuple(sorted(TASKS))


def test_everything_of_a_task_is_copied_as_it_is(tmp_path: Path) -> None:
    build_file = write_project_b(tmp_path)
    task = tmp_path / "tasks" / "mango"
    (task / "tests").mkdir()
    (task / "tests" / "test.sh").write_text("#!/bin/sh\n")
    (task / "tests" / "test.sh").chmod(0o755)
    (task / "link").symlink_to("tests/test.sh")
    files = {f.path: (f.mode, f.link) for f in project_of(build_file).inputs.inner}
    assert files["mango/tests/test.sh"] == (0o755, None)
    assert files["mango/link"] == (0o777, "tests/test.sh")


@pytest.mark.parametrize(("path", "code"), [("none", "MOR300"), ("build.yaml", "MOR301")])
def test_a_folder_that_is_none(tmp_path: Path, path: str, code: str) -> None:
    write_project_b(tmp_path)
    assert complaints(write_build(tmp_path, mode_b({"inner_task": path}))) == [code]


def test_a_link_that_leaves_the_tasks(tmp_path: Path) -> None:
    build_file = write_project_b(tmp_path)
    (tmp_path / "tasks" / "mango" / "link").symlink_to("../../agent")
    assert complaints(build_file) == ["MOR323"]


def test_tasks_inside_the_seed(tmp_path: Path) -> None:
    build_file = write_project_b(tmp_path, {"inner_task": "agent/tasks"})
    (tmp_path / "tasks").rename(tmp_path / "agent" / "tasks")
    assert complaints(build_file) == ["MOR400"]


# Lists in files.


def test_a_list_in_a_file(tmp_path: Path) -> None:
    assert from_file(tmp_path, '["mango"]\n') == ()


@pytest.mark.parametrize(
    "content",
    [
        "", "{}", "null", "1", '"mango"', "[mango]", '["mango",]', '["mango"', "[1]", "[null]",
        "[[]]", '[""]', '["../mango"]', '["a b"]', '["mango\\n"]', '["-x"]', '["."]', '["é"]',
        b"\xff", "[" * 100_000, json.dumps(["x" * 201]), "[NaN]", "# no JSON",
    ],
)  # fmt: skip
def test_what_is_no_list_of_tasks(tmp_path: Path, content: str | bytes) -> None:
    (only,) = from_file(tmp_path, content)
    assert only.code == "MOR224"
    assert message_of(only).isprintable()


def test_a_fault_in_the_text_is_pointed_at(tmp_path: Path) -> None:
    (only,) = from_file(tmp_path, '[\n  "mango"\n  "fig"\n]')
    assert only.span.file == str(tmp_path / "lists" / "test.json")
    assert (only.span.line, only.span.column) == (3, 3)


@pytest.mark.parametrize(("path", "code"), [("none.json", "MOR300"), ("lists", "MOR301")])
def test_a_list_that_is_not_there(tmp_path: Path, path: str, code: str) -> None:
    write_project_b(tmp_path)
    (tmp_path / "lists").mkdir()
    partition = {split: names for split, names in PARTITION.items() if split != "test"}
    changes = {"partition": partition, "partition_files": {"test": path}}
    assert complaints(write_build(tmp_path, mode_b(changes))) == [code]


def test_a_list_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    write_project_b(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    changes = {"partition_files": {"extra": "pipe"}}
    assert "MOR301" in complaints(write_build(tmp_path, mode_b(changes)))


def test_a_list_inside_the_seed(tmp_path: Path) -> None:
    partition = {split: names for split, names in PARTITION.items() if split != "test"}
    changes = {"partition": partition, "partition_files": {"test": "agent/test.json"}}
    build_file = write_project_b(tmp_path, changes)
    (tmp_path / "agent" / "test.json").write_text('["mango"]')
    assert "MOR400" in complaints(build_file)


# Names that the optimiser must not read.


@pytest.mark.parametrize(
    ("text", "found"),
    [("mango", ["MOR403"]), ("fig and quince", ["MOR403", "MOR403"]), ("apple pear", [])],
)
def test_hidden_names_in_the_seed(tmp_path: Path, text: str, found: list[str]) -> None:
    build_file = write_project_b(tmp_path)
    (tmp_path / "agent" / "notes").write_text(text)
    assert complaints(build_file) == found


def test_names_of_a_public_benchmark_are_a_warning(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "inner_task": None,
        "harbor": {"agent_import_path": "solver:Agent", "task_source": "fruit@1.0"},
    }
    build_file = write_project_b(tmp_path, changes)
    (tmp_path / "agent" / "notes").write_text("mango\n")
    (only,) = read(build_file)[1]
    assert (only.code, only.severity) == ("MOR404", "warning")
    assert only.span.line == line_of(keys(mode_b(changes)), "partition")
