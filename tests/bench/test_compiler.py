"""Figures of the compiler, printed by `make bench`: whole processes, side by side, medians."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
import time
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


def seconds(argv: list[str], runs: int) -> float:
    """The median wall time of a command, after one run that does not count."""
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def mooring(*args: str | Path) -> list[str]:
    return [sys.executable, "-m", "compiler", *map(str, args)]


def test_a_small_compile(tmp_path: Path) -> None:
    bare = seconds([sys.executable, "-c", "pass"], 9)
    whole = seconds(mooring("compile", EXAMPLE, "-o", tmp_path / "task"), 9)
    print(
        f"\nsmall compile: {whole * 1000:.0f} ms, a bare Python start {bare * 1000:.0f} ms: "
        f"{whole / bare:.1f} times (aim: 3)"
    )
    assert whole < 5


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
    git = ["git", "-C", str(large_project / "agent"), "archive", "-o", tar, "HEAD"]
    task = tmp_path / "task"
    compile_it = mooring("compile", large_project, "-o", task)
    baseline = seconds(git, 5)
    whole = seconds(compile_it, 5)
    held = seconds([*compile_it, "--check"], 5)
    peak = subprocess.run(
        [sys.executable, "-c", PEAK, "mooring", "compile", str(large_project), "-o", str(task)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    size = int(peak.stderr.split()[-1]) // 1024
    print(
        f"\n{FILES} files, {BYTES // 10**6} MB: compile {whole:.2f} s, git archive "
        f"{baseline:.2f} s: "
        f"{whole / baseline:.1f} times (aim: 1.5); --check {held:.2f} s; peak {size} MiB (aim: 80)"
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
    lines += ["targets: [{split: train}]"]
    if inline:
        lines += ["partition:", "  train:", *(f"    - {name}" for name in names)]
    else:
        (tmp_path / "train.json").write_text(json.dumps(names))
        lines += ["partition_files: {train: train.json}"]
    (tmp_path / "build.yaml").write_text("\n".join(lines) + "\n")
    whole = seconds(mooring("compile", tmp_path, "-o", tmp_path / "task"), 1)
    where = "in build.yaml" if inline else "in a file"
    print(f"\n{count} partition entries {where}: {whole:.2f} s (aim: 5)")
    assert whole < 120


@pytest.mark.parametrize("anvil", [True, False], ids=["launch", "task"])
def test_many_tongs(anvil: bool, tmp_path: Path) -> None:
    """From 250 to 1,000 the time may grow with their number, and no faster."""
    times = {count: _compile_tongs(tmp_path / str(count), count, anvil) for count in (250, 1000)}
    where = "with an anvil" if anvil else "beside a task"
    print(
        f"\n1,000 tongs {where}: {times[1000]:.2f} s (aim: 3); 250 of them: {times[250]:.2f} s: "
        f"{times[1000] / times[250]:.1f} times as long (aim: 4)"
    )
    assert times[1000] < 60


def _compile_tongs(source: Path, count: int, anvil: bool) -> float:
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
    return seconds(mooring("compile", source, "-o", source.with_suffix(".out")), 1)
