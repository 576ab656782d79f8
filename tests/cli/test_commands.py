"""What each command answers: exit codes, drift, places, and that nothing else is touched."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler import contracts
from tests.cli.conftest import Mooring
from tests.commands import run_script
from tests.projects import SCORER, write_build, write_project, write_rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def build(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def out(tmp_path: Path, build: Path, mooring: Mooring) -> Path:
    place = tmp_path / "out"
    assert mooring("compile", build, "-o", place).code == 0
    return place


def stamp(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Inode, mode, size and time of everything below a folder, and of itself."""
    return {
        str(path): (s.st_ino, s.st_mode, s.st_size, s.st_mtime_ns)
        for path in [folder, *folder.rglob("*")]
        for s in [path.lstat()]
    }


def tree_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of everything below a folder."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


# Exit codes.


def test_0_done(mooring: Mooring, build: Path, tmp_path: Path) -> None:
    ended = mooring("compile", build, "-o", tmp_path / "out")
    assert (ended.code, ended.out) == (0, "")
    files = sum(1 for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert ended.err == f"{tmp_path}/out: {files} files\n"
    assert mooring("compile", build, "-o", tmp_path / "out", "--check").code == 0


def test_0_checked(mooring: Mooring, build: Path) -> None:
    before = stamp(build.parent)
    ended = mooring("check", build)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert stamp(build.parent) == before


def test_a_folder_stands_for_its_build_file(mooring: Mooring, build: Path) -> None:
    assert mooring("check", build.parent).code == 0


def test_0_with_remarks_alone(mooring: Mooring, build: Path) -> None:
    write_rows(build.parent, "extra", [{"question": "q"}])
    ended = mooring("check", build)
    assert ended.code == 0
    assert "note[MOR206]" in ended.err
    assert ended.err.endswith("1 note\n")
    assert mooring("check", build, "--quiet").err == ""


def test_2_wrong_input(mooring: Mooring, build: Path, tmp_path: Path) -> None:
    write_build(build.parent, {"mode": "Z"})
    for words in (["check", build], ["compile", build, "-o", tmp_path / "out"]):
        ended = mooring(*words)
        assert ended.code == 2
        assert "error[MOR113]" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x00\x01\x02\xff\xfe", "MOR104"),
        (b"\x7fELF\x02\x01\x01\x00", "MOR101"),
        (b"", "MOR105"),
        (b"\n\n", "MOR105"),
    ],
)
def test_2_a_binary_or_empty_file(
    mooring: Mooring, tmp_path: Path, content: bytes, code: str
) -> None:
    (tmp_path / "build.yaml").write_bytes(content)
    ended = mooring("check", tmp_path)
    assert ended.code == 2
    assert f"error[{code}]" in ended.err


@pytest.mark.parametrize("name", ["none.yaml", "folder/none.yaml", "folder", ".", "x" * 300])
def test_2_no_build_file(
    mooring: Mooring, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    ended = mooring("check", name)
    assert ended.code == 2
    assert "error[MOR100]" in ended.err


def test_3_the_world_failed(mooring: Mooring, build: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    ended = mooring("compile", build, "-o", tmp_path / "file" / "out")
    assert ended.code == 3
    assert ended.err.startswith("mooring: cannot write")
    assert ended.err.count("\n") == 1


def test_3_without_git(
    mooring: Mooring, build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compiler.edge import git

    git.git_program.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    ended = mooring("check", build)
    git.git_program.cache_clear()
    assert (ended.code, ended.err) == (3, "mooring: git is not installed, or not on PATH\n")


def test_4_refused(mooring: Mooring, build: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    ended = mooring("compile", build, "-o", tmp_path / "mine")
    assert ended.code == 4
    assert "--force" in ended.err
    assert mooring("compile", build, "-o", tmp_path / "mine", "--force").code == 0
    for place in (build.parent, build.parent / "agent" / "out", build.parent / "data", build):
        ended = mooring("compile", build, "-o", place, "--force")
        assert ended.code == 4, place
        assert "name another folder with -o" in ended.err


def test_an_empty_output_is_refused(
    mooring: Mooring, build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    ended = mooring("compile", build, "-o", "")
    assert ended.code in (2, 4)
    assert list((tmp_path / "here").iterdir()) == []


# Drift.


@pytest.mark.parametrize("words", [["compile", "--check"], ["diff"]])
def test_no_drift(mooring: Mooring, build: Path, out: Path, words: list[str]) -> None:
    before = stamp(out.parent)
    ended = mooring(*words, build, "-o", out)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert stamp(out.parent) == before


@pytest.mark.parametrize("words", [["compile", "--check"], ["diff"]])
def test_every_kind_of_drift_is_told(
    mooring: Mooring, build: Path, out: Path, words: list[str]
) -> None:
    (out / "instruction.md").write_text("mine\n")
    (out / "TOPOLOGY.md").unlink()
    (out / "notes.txt").write_text("mine\n")
    (out / "run" / "harbor.sh").chmod(0o644)
    (out / "task.toml").unlink()
    (out / "task.toml").symlink_to("instruction.md")
    before = stamp(out.parent)
    ended = mooring(*words, build, "-o", out)
    assert ended.code == 1
    told = ended.out.split("--- a/")[0].splitlines()
    assert told == [
        "missing TOPOLOGY.md",
        "changed instruction.md",
        "extra   notes.txt",
        "mode    run/harbor.sh: 644, should be 755",
        "changed task.toml",
        "mode    task.toml: 777, should be 644",
    ]
    assert "--- a/instruction.md\n+++ b/instruction.md\n" in ended.out
    assert "\n-mine\n" in ended.out
    assert ended.err == f"{out}: 6 differences from its source\n"
    assert stamp(out.parent) == before


def test_a_changed_source_is_drift(mooring: Mooring, build: Path, out: Path) -> None:
    (build.parent / "scorer" / "scorer.py").write_text(SCORER + "# more\n")
    (build.parent / "agent" / "solve.py").write_text("print(2)\n")
    ended = mooring("compile", build, "-o", out, "--check")
    assert ended.code == 1
    changed = re.findall(r"^changed (.*)$", ended.out, re.MULTILINE)
    assert set(changed) == {
        "environment/baseline.tar", "environment/baseline.tree", "environment/main/plan.json",
        "environment/evaluator/plan.json", "environment/evaluator/scorer/scorer.py",
        "mooring.manifest.json",
    }  # fmt: skip
    assert "+# more\n" in ended.out
    assert "Binary files a/environment/baseline.tar and b/environment/baseline.tar" in ended.out
    assert "\0" not in ended.out


def test_nothing_there_is_all_missing(mooring: Mooring, build: Path, tmp_path: Path) -> None:
    ended = mooring("compile", build, "-o", tmp_path / "none", "--check")
    assert ended.code == 1
    assert set(re.findall(r"^(\w+) ", ended.out, re.MULTILINE)) == {"missing"}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "name", [b"\xff\xfe", b"a\nb", b"\x1b[31m", "\u202e".encode(), "é".encode()]
)
def test_a_file_of_any_name_is_told(mooring: Mooring, build: Path, out: Path, name: bytes) -> None:
    Path(os.fsdecode(os.path.join(os.fsencode(out), name))).write_text("x")
    ended = mooring("compile", build, "-o", out, "--check")
    assert ended.code == 1
    (line,) = ended.out.splitlines()
    assert line.startswith("extra   ")
    assert line.isprintable()


def test_a_pipe_in_the_place_of_a_file_is_told(mooring: Mooring, build: Path, out: Path) -> None:
    (out / "task.toml").unlink()
    os.mkfifo(out / "task.toml")
    ended = mooring("compile", build, "-o", out, "--check")
    assert ended.code == 1
    assert "changed task.toml" in ended.out


def test_a_second_compile_writes_nothing(mooring: Mooring, build: Path, out: Path) -> None:
    before = stamp(out)
    ended = mooring("compile", build, "-o", out)
    assert (ended.code, ended.err) == (0, f"{out}: nothing changed\n")
    assert stamp(out) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda out: (out / "task.toml").write_text("[task]\n"),
        lambda out: (out / "instruction.md").unlink(),
        lambda out: (out / "tests" / "test.sh").chmod(0o644),
        lambda out: (out / "task.toml").chmod(0o600),
        lambda out: (out / "tests").chmod(0o700),
        lambda out: (out / contracts.BASELINE_TAR).write_bytes(b""),
    ],
    ids=["edited", "gone", "no program", "private", "private folder", "no tar"],
)
def test_a_second_compile_mends_what_was_spoilt(
    mooring: Mooring, build: Path, out: Path, spoil: Callable[[Path], None]
) -> None:
    before = tree_of(out)
    spoil(out)
    assert tree_of(out) != before
    assert mooring("compile", build, "-o", out).err.endswith(" files\n")
    assert tree_of(out) == before


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("command", ["compile", "diff"])
def test_a_forged_tar_with_its_manifest_is_drift(
    mooring: Mooring, build: Path, out: Path, command: str, committed: bool
) -> None:
    if committed:
        for words in ("init -q", "add .", "commit -qm all"):
            run_script(["git", *words.split()], build.parent / "agent")
    before = tree_of(out)
    tar, manifest = out / contracts.BASELINE_TAR, out / contracts.MANIFEST_NAME
    old = tar.read_bytes()
    new = old.replace(b"solve", b"forge")
    assert new != old
    tar.write_bytes(new)
    written, forged = (hashlib.sha256(content).hexdigest() for content in (old, new))
    manifest.write_text(manifest.read_text().replace(written, forged))
    ended = mooring(command, build, "-o", out, *(["--check"] if command == "compile" else []))
    assert ended.code == 1
    assert f"changed {contracts.BASELINE_TAR}" in ended.out
    assert mooring("compile", build, "-o", out).code == 0
    assert tree_of(out) == before


EDITS: dict[str, Callable[[Path], object]] = {
    "an edit": lambda project: (project / "agent" / "solve.py").write_text("print('other')\n"),
    "a new file": lambda project: (project / "agent" / "a.py").write_text("1\n"),
    "a mode": lambda project: (project / "agent" / "solve.py").chmod(0o755),
    "a link": lambda project: (project / "agent" / "link").symlink_to("solve.py"),
    "the data": lambda project: (project / "scorer" / "more.py").write_text("1\n"),
}


def test_a_compile_over_an_older_one_is_a_fresh_one(
    mooring: Mooring, build: Path, out: Path, tmp_path: Path
) -> None:
    for name, edit in EDITS.items():
        edit(build.parent)
        fresh = tmp_path / "fresh" / name
        for place in (out, fresh):
            assert mooring("compile", build, "-o", place).err.endswith(" files\n"), name
        assert tree_of(out) == tree_of(fresh), name


# Diagnostics.


def test_five_typos_are_told_in_one_run(
    mooring: Mooring, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = build.read_text()
    for right, wrong in (
        ("agent_repo:", "agent_rep:"),
        ('"viewable"', '"veiwable"'),
        ("selection_split:", "selection-split:"),
        ('"A"', '"a"'),
        ('"org/small"', '"small"'),
    ):
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    build.write_text(text)
    monkeypatch.chdir(build.parent)
    ended = mooring("check", "build.yaml")
    assert ended.code == 2
    places = re.findall(r"^build\.yaml:(\d+):(\d+): error\[(MOR\d+)\]", ended.err, re.MULTILINE)
    assert places == [
        ("1", "7", "MOR114"),
        ("2", "1", "MOR110"),
        ("3", "7", "MOR113"),
        ("9", "39", "MOR113"),
        ("10", "1", "MOR110"),
    ]
    assert ended.err.count("help: ") == 5
    assert ended.err.endswith("\n5 errors\n")
    for meant in ("agent_repo", "viewable", "selection_split", "org/name"):
        assert meant in ended.err


def test_params_come_from_the_command_line(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, {"base_image_main": "${IMAGE}", "params": {"IMAGE": None}})
    assert "MOR122" in mooring("check", build).err
    assert mooring("check", build, "--param", "IMAGE=a/b:c=d").code == 2
    assert mooring("check", build, "--param", "IMAGE=a/b:c").code == 0
    assert mooring("check", build, "--param", "IMAGE=\udcff").code == 2
    ended = mooring("check", build, "--param", "IMAGE=a", "--param", "IMGE=b")
    assert ended.code == 2
    assert "did you mean `IMAGE`?" in ended.err


def test_json_goes_to_standard_output(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, {"mode": "Z"})
    ended = mooring("check", build, "--format", "json")
    assert ended.code == 2
    assert json.loads(ended.out)
    assert "MOR113" in ended.out
    assert ended.err == ""


def test_github_gets_annotations(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, {"name": "a%\r\n::b"})
    ended = mooring("check", build, "--format", "github")
    assert ended.code == 2
    (line,) = ended.out.splitlines()
    assert line.startswith("::error file=")
    assert ",line=1," in line
    assert ",col=7," in line


def test_no_color_reaches_a_pipe(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, {"mode": "Z"})
    assert "\x1b" not in mooring("check", build).err


# As a process.


def start(*words: str | Path, **options: object) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "compiler", *map(str, words)]
    return subprocess.Popen(argv, cwd=ROOT, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_went_away(build: Path, out: Path, stream: str) -> None:
    if stream == "stderr":
        write_build(build.parent, {"mode": "Z"})
    for path in out.rglob("*.md"):
        path.write_text("changed\n" * 20_000)
    reader, writer = os.pipe()
    os.close(reader)
    kept = "stderr" if stream == "stdout" else "stdout"
    try:
        process = start(
            "compile", build, "-o", out, "--check", **{stream: writer, kept: subprocess.PIPE}
        )
    finally:
        os.close(writer)
    said = b"".join(part for part in process.communicate(timeout=60) if part)
    assert b"Traceback" not in said
    assert b"Error" not in said
    assert process.returncode == 141


def test_the_program_and_the_module_are_one(build: Path) -> None:
    program = Path(sys.executable).parent / "mooring"
    for argv in ([str(program)], [sys.executable, "-m", "compiler"]):
        done = subprocess.run(
            [*argv, "check", str(build)], cwd=ROOT, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_any_encoding(build: Path, encoding: str) -> None:
    write_build(build.parent, {"mode": "é漢\u202e😀"})
    done = subprocess.run(
        [sys.executable, "-m", "compiler", "check", str(build)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"MOR113" in done.stderr
    assert b"Traceback" not in done.stderr


# Running.


@pytest.mark.parametrize("code", [0, 3, 7])
def test_run_hands_over_to_the_task_s_script(
    mooring: Mooring, build: Path, tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, list[str], dict[str, str]]] = []

    def run_script(script: Path, words: list[str], variables: dict[str, str]) -> int:
        assert script.read_bytes().startswith(b"#!/bin/sh")
        called.append((str(script), words, variables))
        return code

    monkeypatch.setattr("compiler.cli.run_command.run_script", run_script)
    monkeypatch.chdir(tmp_path)
    ended = mooring("run", build, "-a", "oracle", "-m", "x/y", "--", "--debug", "-k", "2")
    assert ended.code == code
    ((script, words, variables),) = called
    assert words == ["-a", "oracle", "-m", "x/y", "-e", "docker", "--debug", "-k", "2"]
    own = {"MOORING_COMMAND": str(Path(sys.executable).with_name("mooring"))}
    assert variables == {"MOORING_JOBS_DIR": str(tmp_path / "jobs"), **own}
    assert "/small/run/harbor.sh" in script
    assert not Path(script).exists()


def test_run_needs_a_build_without_errors(mooring: Mooring, build: Path) -> None:
    write_build(build.parent, {"mode": "Z"})
    assert mooring("run", build, "-a", "oracle").code == 2
