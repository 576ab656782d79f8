"""Inputs under odd names give the same task: no path of this machine is in what is emitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compiler.edge.write_tree import digest_files
from compiler.output.file_set import Archived, Digest
from tests.projects import compiled_of, mode_b, read, write_build, write_project, write_project_b

NAMES = [
    "a b", " lead", "trail ", "-x", "--help", "$(id)", "${X}", "$$", "`id`", "#a", "a: b",
    "{{ x }}", "{% raw %}", "'", '"', "\\", "é", "😀", "\u2028", "\u202e", "*", "?", "[a]", "~",
    "a;b", "a|b", "a&b", "<a>", "%s", "null", "1", "x" * 200, "\ufeff", "\x85", "a,b", "!x", "@a",
    "HEAD", "^a", ":a", ":(glob)a",
]  # fmt: skip


def task_of(build_file: Path) -> dict[str, Digest]:
    """Paths and digests of what is emitted, but the tar, which is not kept here."""
    compiled = compiled_of(build_file)
    assert compiled.project.baseline.archive is not None
    made = {p: f for p, f in compiled.files.items() if not isinstance(f.content, Archived)}
    digests, _ = digest_files(compiled.project.build.name, made)
    tar = compiled.project.baseline.archive
    return {**digests, "tar": Digest(sha256=tar.sha256, mode=tar.size)}


def write_a(folder: Path, name: str) -> Path:
    """A project whose every input lies below a folder of that name."""
    write_project(folder)
    (folder / name).mkdir()
    for key in ("agent", "data", "scorer"):
        (folder / key).rename(folder / name / key)
    (folder / name / "extra").write_text("extra\n")
    (folder / name / "requirements").write_text("# none\n")
    (folder / name / "template").write_text('{% extends "instruction.md" %}')
    below = f"{name}/".replace("$", "$$")
    return write_build(
        folder,
        {
            "agent_repo": f"{below}agent",
            "dataset": f"{below}data",
            "task_project": f"{below}scorer",
            "overlays": [{"source": f"{below}extra", "dest": "extra"}],
            "scorer_requirements": f"{below}requirements",
            "instruction_template": f"{below}template",
        },
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Digest]:
    return task_of(write_a(tmp_path_factory.mktemp("plain"), "plain"))


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_inputs_below_a_folder_of_any_name(
    tmp_path: Path, name: str, plain: dict[str, Digest]
) -> None:
    renamed = task_of(write_a(tmp_path, name))
    assert {path for path in plain if renamed.get(path) != plain[path]} == set()
    assert renamed == plain


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_files_of_the_agent_of_any_name(tmp_path: Path, name: str) -> None:
    build_file = write_project(tmp_path)
    (tmp_path / "agent" / name).write_text("x\n")
    written = name.replace("$", "$$")
    write_build(tmp_path, {"read_only_paths": [written]})
    compiled = compiled_of(build_file)
    assert name.encode() in {entry.path for entry in compiled.project.baseline.entries}
    assert compiled.project.build.seed.read_only == (name,)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_tasks_below_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    write_project_b(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / "tasks").rename(tmp_path / name / "tasks")
    (tmp_path / name / "names").write_text('["mango"]')
    partition = {k: v for k, v in mode_b()["partition"].items() if k != "test"}
    below = f"{name}/".replace("$", "$$")
    changes: dict[str, Any] = {
        "inner_task": f"{below}tasks",
        "partition": partition,
        "partition_files": {"test": f"{below}names"},
    }
    build_file = write_build(tmp_path, mode_b(changes))
    assert read(build_file)[1] == ()
    assert "environment/evaluator/inner/mango/task.toml" in task_of(build_file)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_a_project_in_a_folder_of_any_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, plain: dict[str, Digest]
) -> None:
    build_file = write_a(tmp_path / name, "plain")
    assert task_of(build_file) == plain
    monkeypatch.chdir(tmp_path / name)
    assert task_of(Path("build.yaml")) == plain
