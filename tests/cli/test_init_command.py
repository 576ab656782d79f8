"""mooring init: a project that works at once, written whole or not at all, over nothing."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import resources
from compiler.source.read_yaml import read_yaml
from compiler.surface.schema_check import check_schema
from compiler.targets.starter import name_of_folder, render_starter
from tests.fixture_cases import ROOT

MODES = ("A", "B")
type Done = subprocess.CompletedProcess[str]


def mooring(*args: str | Path, cwd: Path = ROOT, largest_file: int | None = None) -> Done:
    """The command in a folder of the test's; with a limit, larger files fail to be written."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run(
        [sys.executable, "-B", "-m", "compiler", *map(str, args)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )


def files_below(folder: Path) -> dict[str, bytes]:
    paths = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def git(folder: Path, *args: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com")
    subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("mode", MODES)
class TestStarter:
    def test_it_writes_what_it_says_and_says_what_comes_next(
        self, mode: str, tmp_path: Path
    ) -> None:
        done = mooring("init", "new/project", "--mode", mode, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        listed, _, follows = done.stdout.partition("\n\n")
        wanted = {f"new/project/{path}" for path in render_starter(mode, "project")}
        assert set(listed.splitlines()) == wanted == set(files_below(tmp_path))
        assert "mooring check new/project\n" in follows
        assert "mooring compile new/project -o new/project/task\n" in follows

    @pytest.mark.parametrize("place", ["plain", "repository", "committed"])
    def test_check_has_nothing_to_say(self, mode: str, place: str, tmp_path: Path) -> None:
        assert mooring("init", ".", "--mode", mode, cwd=tmp_path).returncode == 0
        if place != "plain":
            git(tmp_path, "init", "--quiet")
        if place == "committed":
            git(tmp_path, "add", ".")
            git(tmp_path, "commit", "--quiet", "--message", "Start")
        done = mooring("check", ".", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_what_compile_writes_is_what_its_check_wants(self, mode: str, tmp_path: Path) -> None:
        project = tmp_path / "project"
        assert mooring("init", project, "--mode", mode).returncode == 0
        git(project, "init", "--quiet")
        task = project / "task"
        done = mooring("compile", project, "-o", task)
        assert done.returncode == 0
        assert "warning" not in done.stderr
        held = mooring("compile", project, "-o", task, "--check")
        assert held.returncode == 0, held.stdout + held.stderr
        # With the task in the project nothing else changes.
        assert mooring("check", project).stderr == ""

    def test_scripts_can_be_run_and_nothing_else(self, mode: str, tmp_path: Path) -> None:
        assert mooring("init", tmp_path, "--mode", mode).returncode == 0
        for path, content in files_below(tmp_path).items():
            assert os.access(tmp_path / path, os.X_OK) == content.startswith(b"#!"), path

    def test_the_schema_beside_the_build_file_is_the_one_that_holds(
        self, mode: str, tmp_path: Path
    ) -> None:
        assert mooring("init", tmp_path, "--mode", mode).returncode == 0
        schema = tmp_path / "build.schema.json"
        assert schema.read_text("utf-8") == resources.schema_text("build")
        first = (tmp_path / "build.yaml").read_text("utf-8").splitlines()[0]
        assert first == f"# yaml-language-server: $schema={schema.name}"

    def test_every_key_that_the_build_file_only_mentions_exists(
        self, mode: str, tmp_path: Path
    ) -> None:
        """What stands in a comment as `# key: value` can be switched on."""
        text = render_starter(mode, "project")["build.yaml"].content
        lines = text.content.decode().splitlines()  # type: ignore[union-attr]
        commented = [line.strip() for line in lines if line.strip().startswith("# ")]
        keys = {c[2:].split(":")[0] for c in commented if ": " in c or c.endswith(":")}
        words = {key for key in keys if key.replace("_", "").isalpha() and key.islower()}
        known = all_keys(resources.schema("build"))
        assert len(words) > 3
        assert words <= known


def all_keys(schema: object) -> set[str]:
    if isinstance(schema, dict):
        own = schema.get("properties", {})
        below = [all_keys(value) for value in schema.values()]
        return set(own if isinstance(own, dict) else {}).union(*below)
    return set()


def test_the_oracle_of_each_inner_task_gives_the_answer_that_its_test_wants(
    tmp_path: Path,
) -> None:
    assert mooring("init", tmp_path, "--mode", "B").returncode == 0
    tasks = sorted(path for path in (tmp_path / "tasks").iterdir())
    assert len(tasks) == 6
    for task in tasks:
        box = tmp_path / "box" / task.name
        (box / "logs/verifier").mkdir(parents=True)
        (box / "app").mkdir()
        for data in (task / "environment").iterdir():
            (box / "app" / data.name).write_bytes(data.read_bytes())
        assert reward(task, box) == "0"
        run_moved(task / "solution/solve.sh", box)
        assert reward(task, box) == "1", task.name


def reward(task: Path, box: Path) -> str:
    run_moved(task / "tests/test.sh", box)
    return (box / "logs/verifier/reward.txt").read_text("utf-8").strip()


def run_moved(script: Path, box: Path) -> None:
    """Run a script with its container's two folders below ``box``."""
    text = script.read_text("utf-8")
    for folder in ("/app/", "/logs/"):
        text = text.replace(folder, f"{box}{folder}")
    subprocess.run(["bash", "-c", text], check=True)


def test_the_starting_agent_of_mode_b_solves_what_it_can_and_no_more(tmp_path: Path) -> None:
    """Its rule, taken out of the file: the class around it needs Harbor."""
    assert mooring("init", tmp_path, "--mode", "B").returncode == 0
    text = (tmp_path / "agent/starter_agent/agent.py").read_text("utf-8")
    rule, _, _ = text.partition("\nclass ")
    kept = [line for line in rule.splitlines() if "harbor" not in line]
    names: dict[str, object] = {}
    exec("\n".join(kept), names)
    plan = names["plan"]
    assert callable(plan)
    instructions = sorted((tmp_path / "tasks").glob("*/instruction.md"))
    planned = {path.parent.name: plan(path.read_text("utf-8")) for path in instructions}
    assert planned.pop("count-lines") == "grep -c '' /app/visits.txt >/app/answer.txt"
    assert set(planned.values()) == {None}


def test_the_starting_program_of_mode_a_is_right_here_and_there(tmp_path: Path) -> None:
    """So that an optimiser sees both, and can become better."""
    assert mooring("init", tmp_path).returncode == 0
    for split in ("train", "validation", "test"):
        rows = (tmp_path / f"data/{split}.jsonl").read_text("utf-8").splitlines()
        right = [answer(tmp_path, json.loads(row)) for row in rows]
        assert 0 < sum(right) < len(right)


def answer(project: Path, row: dict[str, object]) -> bool:
    source, output = project / "in.json", project / "out.json"
    source.write_text(json.dumps({"text": row["text"]}), "utf-8")
    program = project / "agent/solve.py"
    subprocess.run([sys.executable, program, source, output], check=True)
    found: object = json.loads(output.read_text("utf-8"))
    return found == row["seconds"]


class TestRefusals:
    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        (tmp_path / "agent").mkdir()
        (tmp_path / "agent" / "extra.py").write_text("pass\n")
        assert mooring("init", tmp_path).returncode == 0
        assert (tmp_path / "notes.txt").read_text() == "mine"
        assert (tmp_path / "agent" / "extra.py").read_text() == "pass\n"

    def test_files_in_the_way_are_all_named_and_nothing_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("mine")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "train.jsonl").symlink_to("nowhere")
        before = sorted(tmp_path.rglob("*"))
        done = mooring("init", ".", cwd=tmp_path)
        assert done.returncode == 4
        assert done.stderr.startswith("mooring: README.md, data/train.jsonl already there")
        assert sorted(tmp_path.rglob("*")) == before
        assert (tmp_path / "README.md").read_text() == "mine"

    def test_a_second_time_is_refused(self, tmp_path: Path) -> None:
        assert mooring("init", tmp_path).returncode == 0
        before = files_below(tmp_path)
        assert mooring("init", tmp_path).returncode == 4
        assert files_below(tmp_path) == before

    @pytest.mark.parametrize("kind", ["file", "link"])
    def test_a_folder_whose_place_is_taken_is_named(self, kind: str, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        project = tmp_path / "project"
        project.mkdir()
        if kind == "file":
            (project / "agent").write_text("mine")
        else:
            (project / "agent").symlink_to(elsewhere)
        done = mooring("init", project)
        assert done.returncode == 4
        assert f"{project}/agent already there" in done.stderr
        assert list(elsewhere.iterdir()) == []

    def test_a_file_as_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        assert mooring("init", tmp_path / "file").returncode == 4

    @pytest.mark.parametrize("place", ["/proc/mooring", "/proc/self/mooring/deep"])
    def test_a_folder_that_cannot_be_written_is_the_worlds_failure(self, place: str) -> None:
        done = mooring("init", place)
        assert done.returncode == 3
        assert done.stderr.startswith("mooring: cannot write /proc/")

    def test_when_writing_fails_half_way_nothing_stays(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        done = mooring("init", tmp_path, largest_file=2000)
        assert done.returncode == 3
        assert done.stderr.startswith("mooring: cannot write ")
        assert [path.name for path in tmp_path.rglob("*")] == ["notes.txt"]
        done = mooring("init", tmp_path / "new" / "deep", largest_file=2000)
        assert done.returncode == 3
        assert not (tmp_path / "new").exists()

    def test_an_unknown_mode_is_a_wrong_command_line(self, tmp_path: Path) -> None:
        assert mooring("init", tmp_path, "--mode", "C").returncode == 2
        assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=300))
def test_any_folders_name_gives_a_name_that_the_schema_accepts(folder_name: str) -> None:
    name = name_of_folder(folder_name)
    document, found = read_yaml(f"name: {name}\n".encode(), "build.yaml")
    assert document is not None and not found
    assert check_schema(document, "build") == ()
    assert document.data == {"name": name}


@pytest.mark.parametrize(
    ("folder_name", "name"),
    [
        ("sums", "example/sums"),
        ("My Project", "example/my-project"),
        ("v1.2_final", "example/v1.2_final"),
        ("..", "example/task"),
        ("", "example/task"),
        ("äöü", "example/task"),
        ("-x-", "example/x"),
    ],
)
def test_names_stay_recognisable(folder_name: str, name: str) -> None:
    assert name_of_folder(folder_name) == name
