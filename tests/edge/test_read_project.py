"""What a build names: found, copied as it is, or complained about in its place."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics.diagnostic import has_errors
from compiler.diagnostics.render_text import message_of
from compiler.edge.read_project import read_build_file
from compiler.edge.world import WorldError
from tests.git_oddities import run_git
from tests.projects import (
    codes,
    keys,
    line_of,
    project_of,
    read,
    understand,
    write_build,
    write_project,
    write_rows,
)


def complaints(build_file: Path) -> list[str]:
    return codes(read(build_file)[1])


def test_a_whole_project(tmp_path: Path) -> None:
    project = project_of(write_project(tmp_path))
    assert [(d.split, d.file, len(d.ids)) for d in project.inputs.data] == [
        ("test", "test.jsonl", 6),
        ("train", "train.jsonl", 6),
        ("validation", "validation.jsonl", 6),
    ]
    assert [(f.path, f.mode) for f in project.inputs.scorer] == [("scorer.py", 0o644)]
    assert [e.path for e in project.baseline.entries] == [b"solve.py"]
    assert project.samples("test") == 6
    assert project.samples("nothing") == 0


@pytest.mark.parametrize("key", ["agent_repo", "dataset", "task_project", "scorer_requirements"])
def test_what_does_not_exist(tmp_path: Path, key: str) -> None:
    write_project(tmp_path)
    changes = {key: "no/such/place"}
    _, found = read(write_build(tmp_path, changes))
    (only,) = found
    assert only.code == "MOR300"
    assert (only.span.line, only.span.column) == (line_of(keys(changes), key), len(key) + 3)
    assert str(tmp_path / "no/such/place") in dict(only.params)["resolved"]  # type: ignore[operator]


@pytest.mark.parametrize("key", ["agent_repo", "dataset", "task_project"])
def test_a_file_where_a_folder_belongs(tmp_path: Path, key: str) -> None:
    write_project(tmp_path)
    assert complaints(write_build(tmp_path, {key: "build.yaml"})) == ["MOR301"]


@pytest.mark.parametrize(
    ("path", "more"),
    [("agent", []), ("/dev/null", ["MOR331"]), ("/dev/zero", ["MOR331"]), ("pipe", [])],
)
def test_what_is_no_file_where_a_file_belongs(tmp_path: Path, path: str, more: list[str]) -> None:
    write_project(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert complaints(write_build(tmp_path, {"scorer_requirements": path})) == ["MOR301", *more]


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    write_project(tmp_path)
    changes = {"agent_repo": "a", "dataset": "b", "task_project": "c", "scorer_requirements": "d"}
    assert complaints(write_build(tmp_path, changes)) == ["MOR300"] * 4


def test_a_name_that_is_too_long_raises_nothing(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert complaints(write_build(tmp_path, {"dataset": "x" * 300})) == ["MOR300"]


def test_paths_are_relative_to_the_build_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_file = write_project(tmp_path / "project")
    wanted = project_of(build_file).baseline.tree
    monkeypatch.chdir(tmp_path)
    assert project_of(Path("project/build.yaml")).baseline.tree == wanted
    monkeypatch.chdir(tmp_path / "project" / "data")
    assert project_of(Path("../build.yaml")).baseline.tree == wanted


def test_a_folder_that_cannot_be_read_is_a_failure_of_the_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_file = write_project(tmp_path)
    private = tmp_path / "scorer" / "private"
    private.mkdir()
    scan = os.scandir

    def refuse(path: Any) -> Any:
        if os.fspath(path) == os.fspath(private):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        return scan(path)

    # Tests may run as root, who may read everything.
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(WorldError, match=f"cannot read {private}: Permission denied"):
        read(build_file)


# The dataset.


def test_a_folder_without_data(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "empty").mkdir()
    assert complaints(write_build(tmp_path, {"dataset": "empty"})) == ["MOR310"]


def test_splits_without_data_or_samples(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    (tmp_path / "data" / "train.jsonl").unlink()
    write_rows(tmp_path, "test", [])
    # The second is about the target, which is that split.
    assert sorted(complaints(build_file)) == ["MOR211", "MOR314", "MOR315"]


def test_a_split_that_is_not_listed(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    write_rows(tmp_path, "extra", [{"question": "q"}])
    project, found = read(build_file)
    assert codes(found) == ["MOR206"]
    assert not has_errors(found)
    assert project is not None
    assert "extra" in [data.split for data in project.inputs.data]


@pytest.mark.parametrize(
    "name", ["a b", "é", "-x", "$(id)", "a\nb", b"\xff".decode("utf-8", "surrogateescape")]
)
def test_a_split_of_an_odd_name(tmp_path: Path, name: str) -> None:
    build_file = write_project(tmp_path)
    write_rows(tmp_path, name, [{"question": "q"}])
    _, found = read(build_file)
    assert codes(found) == ["MOR316"]
    assert message_of(found[0]).isprintable()


def test_rows_are_complained_about_in_their_file(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    write_rows(tmp_path, "train", [{"question": "q"}, {"q": 1}])
    _, found = read(build_file)
    (only,) = found
    assert (only.code, only.span.line) == ("MOR313", 2)
    assert only.span.file == str(tmp_path / "data" / "train.jsonl")


def test_what_is_no_split_s_file_is_left_alone(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    for name in ("README.md", "train.json", "train.jsonl.bak", ".jsonl"):
        (tmp_path / "data" / name).write_text("no JSON\n")
    (tmp_path / "data" / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "data" / "pipe.jsonl")
    assert complaints(build_file) == []


# The scorer.


def test_a_scorer_of_several_files(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    scorer = tmp_path / "scorer"
    (scorer / "lib" / "__pycache__").mkdir(parents=True)
    (scorer / "lib" / "__pycache__" / "a.pyc").write_bytes(b"x")
    (scorer / "lib" / "a.py").write_text("A = 1\n")
    (scorer / "old.pyc").write_bytes(b"x")
    (scorer / "run").write_text("#!/bin/sh\n")
    (scorer / "run").chmod(0o4711)
    (scorer / "link").symlink_to("lib/a.py")
    (scorer / "folder").symlink_to("lib")
    (scorer / ".git").mkdir()
    (scorer / ".git" / "config").write_text("x\n")
    assert [(f.path, f.mode, f.link) for f in project_of(build_file).inputs.scorer] == [
        ("folder", 0o777, "lib"),
        ("lib/a.py", 0o644, None),
        ("link", 0o777, "lib/a.py"),
        ("run", 0o755, None),
        ("scorer.py", 0o644, None),
    ]


def test_a_git_file_is_not_copied(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    (tmp_path / "scorer" / ".git").write_text("gitdir: /a/path/of/this/machine\n")
    assert [f.path for f in project_of(build_file).inputs.scorer] == ["scorer.py"]


@pytest.mark.parametrize("target", ["../agent/solve.py", "/etc/passwd", "..", "/", "lib/../../x"])
def test_a_link_that_leaves_the_scorer(tmp_path: Path, target: str) -> None:
    build_file = write_project(tmp_path)
    (tmp_path / "scorer" / "link").symlink_to(target)
    assert complaints(build_file) == ["MOR323"]


@pytest.mark.parametrize("target", ["scorer.py", "./scorer.py", "lib/../scorer.py", "nowhere"])
def test_a_link_that_stays(tmp_path: Path, target: str) -> None:
    build_file = write_project(tmp_path)
    (tmp_path / "scorer" / "lib").mkdir()
    (tmp_path / "scorer" / "link").symlink_to(target)
    assert complaints(build_file) == []


def test_what_cannot_be_copied(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    os.mkfifo(tmp_path / "scorer" / "pipe")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/scorer/\xff.py")).write_text("")
    assert complaints(build_file) == ["MOR323", "MOR323"]


# What the optimiser must not be given.


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"dataset": "agent/data"}, 1),
        ({"task_project": "agent/scorer"}, 1),
        ({"agent_repo": "."}, 3),
    ],
)
def test_inputs_inside_the_seed(tmp_path: Path, changes: dict[str, Any], count: int) -> None:
    write_project(tmp_path)
    (tmp_path / "agent" / "data").mkdir()
    (tmp_path / "agent" / "scorer").mkdir()
    for split in ("train", "validation", "test"):
        row = '{"question": "q"}\n'
        (tmp_path / "agent" / "data" / f"{split}.jsonl").write_text(row)
    (tmp_path / "agent" / "scorer" / "scorer.py").write_text("def score(s, o): return 1\n")
    found = complaints(write_build(tmp_path, changes))
    assert [code for code in found if code == "MOR400"] == ["MOR400"] * count


def test_inputs_that_git_leaves_out_of_the_seed(tmp_path: Path) -> None:
    build_file = write_project(tmp_path, {"agent_repo": "."})
    (tmp_path / ".gitignore").write_text("/data/\n/scorer/\n/build.yaml\n")
    assert complaints(build_file) == []


def test_a_link_does_not_hide_a_label(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "data").rename(tmp_path / "agent" / "hidden")
    (tmp_path / "data").symlink_to("agent/hidden")
    assert "MOR400" in complaints(tmp_path / "build.yaml")


def test_labels_in_a_commit_but_not_on_disk(tmp_path: Path) -> None:
    write_project(tmp_path, {"agent_repo": "."})
    run_git(tmp_path, "init", "--quiet", "--template=")
    run_git(tmp_path, "add", "agent", "data")
    run_git(tmp_path, "commit", "--quiet", "--message=x")
    assert complaints(tmp_path / "build.yaml").count("MOR400") == 1


# The build file.


def test_a_build_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", tmp_path / "build.yaml" / "x"):
        data, found = read_build_file(path, "shown.yaml")
        assert data is None
        assert codes(found) == ["MOR100"]
        assert found[0].span.file == "shown.yaml"


def test_a_build_file_without_end(tmp_path: Path) -> None:
    data, found = read_build_file(Path("/dev/zero"), "/dev/zero")
    assert data is not None
    assert found == ()
    assert len(data) <= 17 * 1024 * 1024


def test_nothing_of_the_text_is_lost(tmp_path: Path) -> None:
    assert understand()[0] is not None
    (tmp_path / "f").write_bytes(b"\r\n\0\xff")
    assert read_build_file(tmp_path / "f", "f")[0] == b"\r\n\0\xff"
