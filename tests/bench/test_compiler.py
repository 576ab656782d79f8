"""Figures of the compiler, printed by `make bench`: whole processes, side by side, medians.

Bytecode is written, as it is where packages are installed. Beside the time that passes stands the
processor time, of git's processes too, which other work on the machine disturbs less.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixture_cases import OK, ROOT

pytestmark = pytest.mark.bench

EXAMPLE = OK / "word-problems" / "input"
FILES, BYTES = 20_000, 158_000_000
# Measured in a process of its own: the largest resident set of the compiler alone, not of git.
PEAK = (
    "import resource, sys; sys.argv = sys.argv[1:]\n"
    "from compiler.cli.main import run\n"
    "try: run()\n"
    "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
)


ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
LIBRARIES = "import click, jinja2, jsonschema, ruamel.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Medians of several runs, in seconds."""

    wall: float
    cpu: float

    def times(self, other: Taken) -> str:
        return f"{self.wall / other.wall:.1f} times ({self.cpu / other.cpu:.1f} of processor time)"

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s of processor time)"


def measure(
    argv: list[str], runs: int, before: Callable[[], object] = lambda: None, skip: int = 1
) -> Taken:
    """A command's medians, ``before`` called before each run; the first runs do not count."""
    walls, cpus = [], []
    for _ in range(runs + skip):
        before()
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, env=ENVIRONMENT)
        walls.append(time.perf_counter() - begin)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime)
    return Taken(wall=statistics.median(walls[skip:]), cpu=statistics.median(cpus[skip:]))


def mooring(*args: str | Path) -> list[str]:
    return [sys.executable, "-m", "compiler", *map(str, args)]


def test_a_small_compile(tmp_path: Path) -> None:
    task = tmp_path / "task"
    bare = measure([sys.executable, "-c", "pass"], 9)
    libraries = measure([sys.executable, "-c", LIBRARIES], 9)
    whole = measure(mooring("compile", EXAMPLE, "-o", task), 9, lambda: remove(task))
    print(
        f"\nsmall compile: {whole}, a bare Python start {bare}: {whole.times(bare)} (aim: 3); "
        f"importing click, Jinja2, jsonschema and ruamel.yaml alone: {libraries.times(bare)}"
    )
    assert whole.wall < 5


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def large_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with an agent's repository of 20,000 files and 158 MB."""
    root = tmp_path_factory.mktemp("large")
    shutil.copytree(EXAMPLE, root, dirs_exist_ok=True)
    shutil.rmtree(root / "agent")
    draw = random.Random(1)
    words = [f"{draw.getrandbits(40):x}" for _ in range(5000)]
    for i in range(FILES):
        folder = root / "agent" / f"d{i % 200:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        text = " ".join(draw.choices(words, k=BYTES // FILES // 9))
        (folder / f"f{i}.txt").write_text(text[: BYTES // FILES])
    build = (root / "build.yaml").read_text("utf-8")
    (root / "build.yaml").write_text(build.replace("agent_ref: WORKTREE", "agent_ref: HEAD"))
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for args in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *args], cwd=root / "agent", check=True)
    return root


def test_a_large_repository(large_project: Path, tmp_path: Path) -> None:
    tar = str(tmp_path / "x.tar")
    task = tmp_path / "task"
    compile_it = mooring("compile", large_project, "-o", task)
    git = ["git", "-C", str(large_project / "agent"), "archive", "-o", tar, "HEAD"]
    archive = measure(git, 5)
    first = measure(compile_it, 5, lambda: remove(task))
    again = measure(compile_it, 5)
    held = measure([*compile_it, "--check"], 5)
    remove(task)
    peak = subprocess.run(
        [sys.executable, "-c", PEAK, "mooring", "compile", str(large_project), "-o", str(task)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    size = int(peak.stderr.split()[-1]) // 1024
    print(
        f"\n{FILES} files, {BYTES // 10**6} MB: git archive {archive}; "
        f"compile {first}: {first.times(archive)} (aim: 1.5); "
        f"unchanged {again}: {again.times(first)} the first (aim: 0.5); "
        f"--check {held}; peak {size} MiB (aim: 80)"
    )
    assert size < 200


@pytest.mark.parametrize("inline", [False, True], ids=["files", "inline"])
def test_a_large_partition(inline: bool, tmp_path: Path) -> None:
    count = 100_000
    names = [f"task-{i}" for i in range(count)]
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "agent.py").write_text("class Agent: ...\n")
    lines = ["name: acme/large", "agent_repo: agent", "agent_ref: WORKTREE", "mode: B"]
    lines += ["harbor: {agent_import_path: 'agent:Agent', task_source: bench@1.0}"]
    lines += ["splits: [{split: train, access: viewable}]", "selection_split: train"]
    lines += ["targets: [{split: train}]", "secrets: [MODAL_TOKEN_ID, MODAL_TOKEN_SECRET]"]
    if inline:
        lines += ["partition:", "  train:", *(f"    - {name}" for name in names)]
    else:
        (tmp_path / "train.json").write_text(json.dumps(names))
        lines += ["partition_files: {train: train.json}"]
    (tmp_path / "build.yaml").write_text("\n".join(lines) + "\n")
    whole = measure(mooring("compile", tmp_path, "-o", tmp_path / "task"), 1, skip=0)
    where = "in build.yaml" if inline else "in a file"
    print(f"\n{count} partition entries {where}: {whole} (aim: 5)")
    assert whole.wall < 120


@pytest.mark.parametrize("anvil", [True, False], ids=["launch", "task"])
def test_many_tongs(anvil: bool, tmp_path: Path) -> None:
    """From 250 to 1,000 the time may grow with their number, and no faster."""
    times = {count: _compile_tongs(tmp_path / str(count), count, anvil) for count in (250, 1000)}
    where = "with an anvil" if anvil else "beside a task"
    print(
        f"\n1,000 tongs {where}: {times[1000]} (aim: 3), {times[1000].times(times[250])} as long "
        "as 250 of them (aim: 4)"
    )
    assert times[1000].cpu < 8 * times[250].cpu


def _compile_tongs(source: Path, count: int, anvil: bool) -> Taken:
    tongs = source / "tongs"
    tongs.mkdir(parents=True)
    for i in range(count):
        needs = f"depends_on: [tong-{i - 1}]\n" if i % 10 else ""
        (tongs / f"tong-{i}.yaml").write_text(
            "lifecycle: session\nimage: acme/tong:1\nenv: {KEY: '${secret:vault:key}'}\n"
            f"interface: {{kind: port, port: 80}}\nmounts: ['volume:v{i}:/v']\n{needs}"
        )
    if anvil:
        build = "name: acme/many\nanvil: {image: acme/harness}\n"
    else:
        shutil.copytree(EXAMPLE, source, dirs_exist_ok=True)
        build = (EXAMPLE / "build.yaml").read_text("utf-8")
    (source / "build.yaml").write_text(f"{build}tongs: [tongs]\n")
    return measure(mooring("compile", source, "-o", source.with_suffix(".out")), 1, skip=0)
