"""Same inputs, same bytes, modes and manifest, whatever is around the compiler."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.git_oddities import make_odd_repository
from tests.projects import write_project

ROOT = Path(__file__).resolve().parent.parent
CHANGES = {
    "description": "Déjà vu: 漢字.",
    "secrets": ["API_KEY"],
    "params": {"IMAGE": "python:3.13", "API_BASE": "x"},
    "base_image_main": "${IMAGE}",
    "scorer_requirements": "requirements.txt",
}

type Tree = dict[str, tuple[int, bytes]]


def tree_of(folder: Path) -> Tree:
    """Mode and content of everything below a folder."""
    found: Tree = {}
    for at, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(at, name)
            mode = path.lstat().st_mode
            content = b"" if stat.S_ISDIR(mode) else path.read_bytes()
            found[str(path.relative_to(folder))] = (mode, content)
    return found


def compile_with(
    build: str | Path,
    out: str | Path,
    *,
    cwd: Path = ROOT,
    umask: int = 0o022,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Runs the compiler as a process of its own."""
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-m", "compiler", "compile", str(build), "-o", str(out)],
        cwd=cwd,
        umask=umask,
        env={**inherited, **(environment or {})},
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an agent's repository of odd files; its folder."""
    folder = tmp_path_factory.mktemp("determinism") / "a-project-with-a-known-name"
    write_project(folder, CHANGES, agent=False)
    make_odd_repository(folder / "agent")
    (folder / "requirements.txt").write_text("some-judge==1.0\n")
    (folder / "scorer" / "lib").mkdir()
    (folder / "scorer" / "lib" / "z.py").write_text("Z = 1\n")
    (folder / "scorer" / "run").write_text("#!/bin/sh\n")
    (folder / "scorer" / "run").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def wanted(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    out = tmp_path_factory.mktemp("wanted") / "out"
    compile_with(project / "build.yaml", out)
    return tree_of(out)


def test_there_is_something_to_compare(wanted: Tree) -> None:
    assert len(wanted) > 100
    assert {stat.S_IMODE(mode) for mode, _ in wanted.values()} == {0o755, 0o644}


@pytest.mark.parametrize(
    ("cwd", "build"),
    [
        (".", "build.yaml"),
        (".", "."),
        ("data", ".."),
        ("..", "a-project-with-a-known-name/build.yaml"),
        ("..", "./a-project-with-a-known-name/scorer/../build.yaml"),
        ("agent/links", "../../build.yaml"),
    ],
)
def test_where_it_is_called_from(
    project: Path, wanted: Tree, tmp_path: Path, cwd: str, build: str
) -> None:
    compile_with(build, tmp_path / "out", cwd=project / cwd)
    assert tree_of(tmp_path / "out") == wanted


@pytest.mark.parametrize("name", ["a b", "out-é", "deep/er/still", "-x"])
def test_where_it_writes(project: Path, wanted: Tree, tmp_path: Path, name: str) -> None:
    compile_with(project, tmp_path / name)
    assert tree_of(tmp_path / name) == wanted


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_umask(project: Path, wanted: Tree, tmp_path: Path, umask: int) -> None:
    compile_with(project, tmp_path / "out", umask=umask)
    assert tree_of(tmp_path / "out") == wanted


SURROUNDINGS = [
    {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "C"},
    {"TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"},
    {"LANG": "de_DE.ISO-8859-1", "LANGUAGE": "de", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    {"PYTHONHASHSEED": "0"},
    {"PYTHONHASHSEED": "4242"},
    {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "default"},
    {"COLUMNS": "20", "NO_COLOR": "1", "TERM": "dumb", "CI": "true", "SOURCE_DATE_EPOCH": "1"},
    {"IMAGE": "evil:1", "API_BASE": "evil", "API_KEY": "sk-very-secret-value", "params": "evil"},
    {"MOORING_JOBS_DIR": "/evil", "MOORING_EVAL_URL": "evil", "HARBOR_X": "y"},
    {
        "GIT_AUTHOR_NAME": "Evil",
        "GIT_COMMITTER_DATE": "1 +0000",
        "GIT_DIR": "/no",
        "EMAIL": "e@vil",
    },
]


@pytest.mark.parametrize("environment", SURROUNDINGS, ids=lambda e: "-".join(e)[:40])
def test_environment(
    project: Path, wanted: Tree, tmp_path: Path, environment: dict[str, str]
) -> None:
    compile_with(project, tmp_path / "out", environment=environment)
    assert tree_of(tmp_path / "out") == wanted


@pytest.mark.parametrize("where", ["HOME", "XDG_CONFIG_HOME"])
def test_the_user_s_git(project: Path, wanted: Tree, tmp_path: Path, where: str) -> None:
    home = tmp_path / "home"
    settings = home / ".config" if where == "HOME" else home
    (settings / "git").mkdir(parents=True)
    (settings / "git" / "attributes").write_text("* text eol=crlf ident\n")
    (settings / "git" / "ignore").write_text("*\n")
    hostile = (
        "[core]\n autocrlf = true\n quotePath = true\n fsmonitor = /bin/false\n"
        "[user]\n name = Evil\n email = e@vil\n[commit]\n gpgSign = true\n"
        "[init]\n defaultObjectFormat = sha256\n[safe]\n directory = /nowhere\n"
    )
    (home / ".gitconfig").write_text(hostile)
    (settings / "git" / "config").write_text(hostile)
    compile_with(project, tmp_path / "out", environment={"HOME": str(home), where: str(home)})
    assert tree_of(tmp_path / "out") == wanted


def test_a_copy_elsewhere_at_another_time(project: Path, wanted: Tree, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(project, copy, symlinks=True)
    for i, path in enumerate(sorted(copy.rglob("*"))):
        os.utime(path, (i * 1000, i * 1000), follow_symlinks=False)
    compile_with(copy, tmp_path / "out")
    assert tree_of(tmp_path / "out") == wanted


def test_the_modes_of_inputs_count_as_git_counts_them(
    project: Path, wanted: Tree, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, symlinks=True)
    for path in [copy / "build.yaml", *(copy / "data").iterdir(), *(copy / "scorer").rglob("*.py")]:
        path.chmod(0o600)
    (copy / "scorer" / "run").chmod(0o700)
    compile_with(copy, tmp_path / "out")
    assert tree_of(tmp_path / "out") == wanted


def test_what_was_there_before_counts_for_nothing(
    project: Path, wanted: Tree, tmp_path: Path
) -> None:
    compile_with(project, tmp_path / "out")
    (tmp_path / "out" / "instruction.md").write_text("edited\n")
    (tmp_path / "out" / "run").chmod(0o700)
    compile_with(project, tmp_path / "out")
    assert tree_of(tmp_path / "out") == wanted


def test_the_worktree_and_its_commit_are_one_baseline(tmp_path: Path) -> None:
    plain = write_project(tmp_path / "plain", {"agent_ref": "WORKTREE"})
    committed = write_project(tmp_path / "committed")
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=committed.parent / "agent", check=True)
    who = ["-c", "user.name=x", "-c", "user.email=x"]
    words = ["git", *who, "commit", "--quiet", "--message=x"]
    subprocess.run(words, cwd=committed.parent / "agent", check=True)
    compile_with(plain, tmp_path / "a")
    compile_with(committed, tmp_path / "b")
    assert tree_of(tmp_path / "a") == tree_of(tmp_path / "b")


def test_no_place_time_or_secret_is_in_an_artifact(project: Path, tmp_path: Path) -> None:
    secret = "sk-very-secret-value"
    environment = {"API_KEY": secret, "IMAGE": "value-of-the-shell", "HOME": str(tmp_path)}
    compile_with(project, tmp_path / "out", environment=environment)
    today = dt.datetime.now(tz=dt.UTC)
    forbidden = [
        str(project), project.name, str(ROOT), str(tmp_path), secret, "value-of-the-shell",
        f"{today:%Y-%m-%d}", f"{today:%d %b %Y}", sys.prefix, sys.version,
    ]  # fmt: skip
    if len(os.uname().nodename) > 8:  # a short one may be a word
        forbidden.append(os.uname().nodename)
    for path, (_, content) in tree_of(tmp_path / "out").items():
        for word in forbidden:
            assert word.encode() not in content, (path, word)
