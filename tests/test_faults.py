"""What the world can do to a compilation: exit 3, the old output whole, and nothing left anywhere.

Each fault is real and each compilation a process of its own.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import run_script
from tests.projects import write_project

ROOT = Path(__file__).resolve().parent.parent
# A process that writes beyond this fails with EFBIG, in the place where a full disk would fail it.
SIZES = [0, 1, 4096, 65_536, 2_000_000]
MEBIBYTE = 1024 * 1024

type Seen = dict[str, tuple[int, int, int]]


class Project:
    """A project with a committed agent, compiled once, then changed; and a folder for temporary
    files of its own."""

    def __init__(self, folder: Path) -> None:
        self.build = write_project(folder / "project")
        self.agent = self.build.parent / "agent"
        (self.agent / "large.bin").write_bytes(os.urandom(4 * MEBIBYTE))
        (self.build.parent / "scorer" / "large.txt").write_text("x" * 3 * MEBIBYTE)
        self.commit()
        self.out = folder / "beside" / "out"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        assert self.compile().returncode == 0
        (self.agent / "large.bin").write_bytes(os.urandom(4 * MEBIBYTE))
        (self.build.parent / "scorer" / "large.txt").write_text("y" * 3 * MEBIBYTE)
        self.commit()
        self.before = self.seen()

    def commit(self) -> None:
        for words in ("init -q", "add .", "commit -qm all"):
            run_script(["git", *words.split()], self.agent)

    def compile(
        self,
        out: Path | None = None,
        *,
        path: str | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": path or os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-m", "compiler", "compile", str(self.build), "-o", out or self.out],
            cwd=ROOT,
            env={**environment, "TMPDIR": str(self.scratch)},
            preexec_fn=prepare,
            capture_output=True,
            text=True,
            check=False,
        )

    def seen(self) -> Seen:
        """Inode, size and time of all that lies beside the output and in it."""
        top = self.out.parent
        return {
            str(path.relative_to(top)): (s.st_ino, s.st_size, s.st_mtime_ns)
            for path in top.rglob("*")
            for s in [path.lstat()]
        }

    def assert_failed(self, done: subprocess.CompletedProcess[str], why: str) -> None:
        assert why in done.stderr
        assert "Traceback" not in done.stderr
        assert done.returncode == 3
        assert self.seen() == self.before
        assert list(self.scratch.iterdir()) == []


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("size", SIZES)
def test_a_disk_that_takes_no_more(project: Project, size: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = project.compile(prepare=limit)
    project.assert_failed(done, "File too large" if size else "")
    assert done.stderr.startswith("mooring: cannot write ")


@pytest.mark.parametrize("place", ["/proc/mooring/out", "/sys/mooring"])
def test_an_output_that_cannot_be_made(project: Project, place: str) -> None:
    project.assert_failed(project.compile(Path(place)), "mooring: cannot write ")


def test_without_git(project: Project, tmp_path: Path) -> None:
    done = project.compile(path=str(tmp_path))
    project.assert_failed(done, "git is not installed")


def fake_git(folder: Path, command: str, script: str) -> str:
    """A PATH whose git does something else at one command; ``{git}`` in the script is the real one
    with all words of the call."""
    real = shutil.which("git")
    assert real is not None
    (folder / "git").write_text(
        f'#!/bin/sh\ncase " $* " in *" {command} "*)\n'
        f'{script.format(git=f'{real} "$@"')}\n;; esac\nexec {real} "$@"\n'
    )
    (folder / "git").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("{git} | head -c 3000000; echo 'fatal: broken pack' >&2; exit 128", "broken pack"),
        ("{git} | head -c 3000000; exit 0", "it ended early"),
        ("kill -9 $$", "git cat-file failed"),
    ],
    ids=["fails", "ends early", "is killed"],
)
def test_a_git_that_fails_half_way(project: Project, tmp_path: Path, script: str, why: str) -> None:
    done = project.compile(path=fake_git(tmp_path, "cat-file --batch", script))
    project.assert_failed(done, why)


@pytest.mark.parametrize("name", ["data/train.jsonl", "scorer/large.txt", "scorer/scorer.py"])
def test_an_input_that_vanishes(project: Project, tmp_path: Path, name: str) -> None:
    file = project.build.parent / name
    content = file.read_bytes()
    # By the time the agent's files are read, all other inputs have been looked at.
    path = fake_git(tmp_path, "cat-file --batch", f"rm {file}")
    try:
        done = project.compile(path=path)
    finally:
        file.write_bytes(content)
    project.assert_failed(done, f"cannot read {file}: No such file")


def test_after_all_that_it_compiles(project: Project) -> None:
    """The faults above were what failed."""
    done = project.compile()
    assert (done.returncode, done.stderr.endswith(" files\n")) == (0, True)
    assert project.seen() != project.before
    assert list(project.scratch.iterdir()) == []
