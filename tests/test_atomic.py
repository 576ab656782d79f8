"""An output is the old one or the new one, whenever the compiler is stopped, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler import contracts
from compiler.edge.archive import open_spool
from compiler.edge.read_tree import read_bytes, read_digests, read_manifest
from compiler.edge.write_tree import digest_files, write_tree
from compiler.output.diff import diff_digests
from compiler.output.file_set import FileSet
from compiler.output.manifest import make_manifest
from tests.projects import SCORER, compiled_of, write_project
from tests.stopped_writer import NEW, OLD

ROOT = Path(__file__).resolve().parent.parent
SCORER_PATH = "environment/evaluator/scorer/scorer.py"


def beside(place: Path) -> list[str]:
    return sorted(path.name for path in place.parent.iterdir() if path != place)


def is_exactly(place: Path, name: str, files: FileSet) -> bool:
    """Held by the product's own comparison, manifest included."""
    wanted, _ = digest_files(name, files)
    return not diff_digests(wanted, read_digests(place))


# Each step of a write, one after the other.


def stop_at_each_step(number: signal.Signals, how: str, folder: Path) -> list[int]:
    argv = [sys.executable, "-m", "tests.stopped_writer", number.name, how, str(folder)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("how", ["exchange", "renames"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_stopped_at_any_step(number: signal.Signals, how: str, tmp_path: Path) -> None:
    ends = stop_at_each_step(number, how, tmp_path)
    assert len(ends) > 30
    assert ends[-1] == 0
    code = -number if number is signal.SIGKILL else 128 + number
    assert set(ends[:-1]) == {code}
    left_behind = found_old = found_new = 0
    for step in range(len(ends)):
        place = tmp_path / str(step) / "out"
        if number is signal.SIGKILL:
            left_behind += bool(beside(place))
        else:
            assert beside(place) == [], step
        old, new = is_exactly(place, "org/name", OLD), is_exactly(place, "org/name", NEW)
        if how == "exchange" or number is not signal.SIGKILL:
            assert old != new, step
        found_old, found_new = found_old + old, found_new + new
        # Whatever lies there, the next run makes it whole.
        write_tree("org/name", OLD, place)
        assert is_exactly(place, "org/name", OLD), step
        assert beside(place) == [], step
    assert found_old
    assert found_new
    assert bool(left_behind) == (number is signal.SIGKILL)


# The command itself, at moments that the clock chooses.


class Project:
    """Two sources that compile to different outputs, and the place for both."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "beside" / "out"
        self.builds = {name: write_project(folder / name) for name in ("old", "new")}
        for name, build in self.builds.items():
            scorer = build.parent / "scorer"
            (scorer / "scorer.py").write_text(SCORER + f"# {name}\n")
            for i in range(200):
                (scorer / f"{name}-{i}.txt").write_text(f"{name}\n" * 200)
            (scorer / "both.bin").write_bytes(name.encode() * 500_000)
        self.spools = {name: open_spool(folder) for name in self.builds}
        self.files = {
            name: compiled_of(build, self.spools[name]).files for name, build in self.builds.items()
        }
        self.write("old")

    def write(self, name: str) -> None:
        write_tree("org/small", self.files[name], self.place)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "compiler", "compile"]
        return subprocess.Popen(
            [*argv, str(self.builds[name]), "-o", str(self.place)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def found(self) -> str:
        """Which of the two lies there. It is whole: every file is as its manifest has it."""
        manifest = read_manifest(self.place)
        assert manifest is not None
        digests = read_digests(self.place)
        del digests[contracts.MANIFEST_NAME]
        assert make_manifest("org/small", digests) == manifest
        (name,) = {
            path.split("/")[-1].split("-")[0] for path in digests if path.endswith(".txt")
        } - {"requirements.txt"}
        assert read_bytes(self.place / SCORER_PATH).endswith(f"# {name}\n".encode())
        assert set(digests) == set(self.files[name])
        return name

    def other(self) -> str:
        return "new" if self.found() == "old" else "old"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(tmp_path_factory.mktemp("atomic"))
    yield made
    for spool in made.spools.values():
        spool.close()


@pytest.fixture(scope="module")
def duration(project: Project) -> float:
    """Seconds of a whole run, the longest of two."""
    seconds = []
    for _ in range(2):
        start = time.monotonic()
        assert project.start(project.other()).wait() == 0
        seconds.append(time.monotonic() - start)
    return max(seconds)


@pytest.mark.parametrize(
    ("number", "runs"), [(signal.SIGKILL, 25), (signal.SIGTERM, 8), (signal.SIGINT, 8)]
)
def test_stopped_at_any_moment(
    project: Project, duration: float, number: signal.Signals, runs: int
) -> None:
    chance = random.Random(int(number))
    stopped = 0
    for run in range(runs):
        name = project.other()
        process = project.start(name)
        # Spread over the whole run, the start of Python included.
        time.sleep(duration * (run + chance.random()) / runs)
        process.send_signal(number)
        process.wait()
        if number is signal.SIGKILL:
            assert process.returncode in (-number, 0)
        else:
            # Before the command's own handlers are there, Python ends by the signal itself.
            assert process.returncode in (128 + number, -number, 0)
            assert beside(project.place) == []
        stopped += process.returncode != 0
        assert project.found() in ("old", "new")
        project.write(name)
        assert project.found() == name
        assert beside(project.place) == []
    assert stopped > runs // 3


def test_two_at_once_leave_one_of_them(project: Project) -> None:
    processes = [project.start(name) for name in ("old", "new", "old", "new")]
    codes = [process.wait() for process in processes]
    assert codes == [0, 0, 0, 0]
    assert project.found() in ("old", "new")
    assert beside(project.place) == []


def test_stopped_before_there_was_an_output(tmp_path: Path) -> None:
    build = write_project(tmp_path / "project")
    place = tmp_path / "beside" / "out"
    for seconds in (0.15, 0.3, 0.45):
        argv = [sys.executable, "-m", "compiler", "compile", str(build), "-o", str(place)]
        process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
        assert not place.exists() or read_manifest(place) is not None
    with open_spool(tmp_path) as spool:
        write_tree("org/small", compiled_of(build, spool).files, place)
    assert beside(place) == []
    assert os.listdir(place.parent) == ["out"]
