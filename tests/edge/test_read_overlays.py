"""Overlays on disk: files and folders, their modes, links and places."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from compiler.edge.read_overlays import read_overlays
from compiler.ir.git_objects import hash_object
from compiler.ir.project import TreeEntry
from tests.git_oddities import run_git
from tests.projects import codes, project_of, read, task_of, write_build, write_project


def laid(folder: Path, *overlays: tuple[str, str]) -> tuple[list[TreeEntry], list[str]]:
    build = task_of({"overlays": [{"source": source, "dest": dest} for source, dest in overlays]})
    found, problems = read_overlays(build, folder, "sha1")
    assert [overlay for overlay, _ in found] == list(build.seed.overlays)
    return [entry for _, entries in found for entry in entries], codes(problems)


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "extra.txt").write_text("hello\n")
    (only,), found = laid(tmp_path, ("extra.txt", "lib/other name.txt"))
    assert found == []
    assert only == TreeEntry(
        mode="100644",
        blob=hash_object("blob", b"hello\n", "sha1"),
        path=b"lib/other name.txt",
        source=os.fsencode(tmp_path / "extra.txt"),
        overlay=True,
    )


def test_a_folder(tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    (extra / "sub" / "__pycache__").mkdir(parents=True)
    (extra / "sub" / "__pycache__" / "x.pyc").write_text("x")
    (extra / ".git").mkdir()
    (extra / ".git" / "config").write_text("x")
    (extra / "sub" / "a").write_text("a")
    (extra / "run").write_text("#!/bin/sh\n")
    (extra / "run").chmod(0o755)
    (extra / "link").symlink_to("sub/a")
    entries, found = laid(tmp_path, ("extra", "lib/"))
    assert found == []
    assert [(e.path, e.mode) for e in entries] == [
        (b"lib/link", "120000"),
        (b"lib/run", "100755"),
        (b"lib/sub/a", "100644"),
    ]
    assert entries[0].blob == hash_object("blob", b"sub/a", "sha1")


def test_an_executable_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    (tmp_path / "run").chmod(0o744)
    (only,), _ = laid(tmp_path, ("run", "run"))
    assert only.mode == "100755"


@pytest.mark.parametrize(("path", "code"), [("none", "MOR300"), ("pipe", "MOR301")])
def test_what_is_not_there(tmp_path: Path, path: str, code: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert laid(tmp_path, (path, "x")) == ([], [code])


def test_a_link_that_leaves_a_folder(tmp_path: Path) -> None:
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "link").symlink_to("/etc/passwd")
    assert laid(tmp_path, ("extra", "x")) == ([], ["MOR323"])


def test_both_complaints_come(tmp_path: Path) -> None:
    assert laid(tmp_path, ("a", "x"), ("b", "y")) == ([], ["MOR300", "MOR300"])


# In a whole project.


def write_with(folder: Path, overlays: list[dict[str, str]], **changes: Any) -> Path:
    write_project(folder)
    return write_build(folder, {"overlays": overlays, **changes})


def test_an_overlay_over_a_commit(tmp_path: Path) -> None:
    build_file = write_with(tmp_path, [{"source": "new", "dest": "solve.py"}])
    agent = tmp_path / "agent"
    (agent / "kept.py").write_text("kept\n")
    run_git(agent, "init", "--quiet", "--template=")
    run_git(agent, "add", "--all")
    run_git(agent, "commit", "--quiet", "--message=x")
    (tmp_path / "new").write_text("overlaid\n")
    baseline = project_of(build_file).baseline
    assert {entry.path: entry.overlay for entry in baseline.entries} == {
        b"kept.py": False,
        b"solve.py": True,
    }
    (agent / "solve.py").write_text("overlaid\n")
    run_git(agent, "add", "--all")
    assert run_git(agent, "write-tree").decode().strip() == baseline.tree


def test_an_overlay_alone_is_enough(tmp_path: Path) -> None:
    build_file = write_with(tmp_path, [{"source": "new", "dest": "solve.py"}])
    (tmp_path / "agent" / "solve.py").unlink()
    (tmp_path / "new").write_text("x\n")
    assert [e.path for e in project_of(build_file).baseline.entries] == [b"solve.py"]


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    build_file = write_with(tmp_path, [{"source": "new", "dest": "solve.py/x"}])
    (tmp_path / "new").write_text("x\n")
    (only,) = read(build_file)[1]
    assert only.code == "MOR333"
    assert only.span.line == 12


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("data", ["MOR400"]),
        ("data/test.jsonl", ["MOR400"]),
        ("scorer", ["MOR400"]),
        ("scorer/scorer.py", ["MOR400"]),
        ("build.yaml", ["MOR400"]),
        ("link", ["MOR400"]),
        ("scorer-2", []),
    ],
)
def test_what_is_private_cannot_be_laid_over(tmp_path: Path, path: str, found: list[str]) -> None:
    (tmp_path / "scorer-2").mkdir()
    (tmp_path / "scorer-2" / "a.py").write_text("a = 1\n")
    (tmp_path / "link").symlink_to("scorer/scorer.py")
    overlays = [{"source": "scorer-2/a.py", "dest": "y"}, {"source": path, "dest": "x"}]
    build_file = write_with(tmp_path, overlays)
    complaints = read(build_file)[1]
    assert codes(complaints) == found
    line = build_file.read_text().splitlines()[11]
    assert all(
        (d.span.line, d.span.column) == (12, line.rindex(f'"{path}"') + 1) for d in complaints
    )
