"""Real Harbor trials of an emitted task, and of variants with another solution."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.docker import engine

# A bound for what hangs: images that nothing is cached of take minutes on a loaded machine.
TRIAL_SECONDS = 540.0
# The agent's sign to the host that it may act, and the host's that it has.
READY, ACTED = "/tmp/ready", "/tmp/acted"
PHASES = ("environment_setup", "agent_setup", "agent_execution", "verifier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Harbor:
    """How `harbor` is run here: its folder first on PATH, results below `jobs`."""

    command: Path
    jobs: Path

    def run(self, argv: list[str], folder: Path, **variables: str) -> Run:
        environment = {
            **os.environ,
            "PATH": f"{self.command.parent}:{os.environ['PATH']}",
            "HARBOR_TELEMETRY": "0",
            **variables,
        }
        started = time.monotonic()
        done = subprocess.run(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TRIAL_SECONDS,
            check=False,
        )
        return Run(code=done.returncode, output=done.stdout, seconds=time.monotonic() - started)

    def run_script(self, task: Path, name: str, *, cwd: Path) -> Run:
        """The emitted run/harbor.sh with the oracle, as a user would call it."""
        argv = [str(task / "run/harbor.sh"), "-a", "oracle", "-e", "docker"]
        return self.run(argv, cwd, MOORING_JOBS_DIR=str(self.jobs), MOORING_JOB_NAME=name)

    def trials(self, job: str) -> list[Trial]:
        folders = sorted(path for path in (self.jobs / job).iterdir() if path.is_dir())
        return [read_trial(folder) for folder in folders]

    def trial(self, job: str) -> Trial:
        (trial,) = self.trials(job)
        return trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a command ended, and what it printed on both streams."""

    code: int
    output: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A trial's folder and its result.json."""

    folder: Path
    result: Mapping[str, Any]

    @property
    def rewards(self) -> dict[str, float] | None:
        verified = self.result["verifier_result"]
        return None if verified is None else verified["rewards"]

    @property
    def exception(self) -> str | None:
        found = self.result["exception_info"]
        return None if found is None else found["exception_type"]

    @property
    def agent_said(self) -> str:
        return (self.folder / "agent/oracle.txt").read_text(encoding="utf-8")

    @property
    def verifier_said(self) -> str:
        return (self.folder / "verifier/test-stdout.txt").read_text(encoding="utf-8")

    def phases(self) -> dict[str, float]:
        """Seconds of each phase, those between and after them included."""
        moments = [("start", moment(self.result["started_at"]))]
        for phase in PHASES:
            times = self.result[phase]
            moments.append((f"before {phase}", moment(times["started_at"])))
            moments.append((phase, moment(times["finished_at"])))
        moments.append(("teardown", moment(self.result["finished_at"])))
        pairs = itertools.pairwise(moments)
        return {name: (later - earlier) for (_, earlier), (name, later) in pairs}


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def read_trial(folder: Path) -> Trial:
    text = (folder / "result.json").read_text(encoding="utf-8")
    return Trial(folder=folder, result=json.loads(text))


def make_variant(task: Path, name: str, solve: str, **files: Path | str) -> Path:
    """A copy of a compiled task beside it, whose oracle runs another script.

    `files` (name without suffix: a file, or a text) lie beside it as /solution/<name>.py.
    """
    variant = task.parent / name
    shutil.copytree(task, variant)
    # Harbor names main's image by a digest of the environment: trials that run side by side would
    # take it from each other.
    with (variant / "environment/Dockerfile").open("a", encoding="utf-8") as dockerfile:
        dockerfile.write(f"# {name}\n")
    solution = variant / "solution"
    head = f"#!/bin/bash\nset -eu\ncd /work/agent\nREADY={READY} ACTED={ACTED}\n"
    (solution / "solve.sh").write_text(head + solve, encoding="utf-8")
    for stem, given in files.items():
        text = given if isinstance(given, str) else given.read_text(encoding="utf-8")
        (solution / f"{stem}.py").write_text(text, encoding="utf-8")
    return variant


def images_of(prefix: str) -> list[str]:
    """Images of the projects whose names start so. Harbor gives main's image a name of its own."""
    label = "com.docker.compose.project"
    listing = engine.run_docker("image", "ls", "--quiet", "--filter", f"label={label}")
    words = ("image", "inspect", "--format", f'{{{{index .Config.Labels "{label}"}}}}')
    images = sorted(set(listing.stdout.split()))
    return [i for i in images if engine.run_docker(*words, i).stdout.startswith(prefix)]


@contextmanager
def when_ready(task: Path, act: Callable[[str], None]) -> Iterator[list[str]]:
    """Beside a trial of `task`: once its agent says READY, acts on its project and says ACTED.

    Gives the list of the projects on which it has acted.
    """
    acted: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2) and not acted:
            for main in engine.list_objects(engine.OBJECT_KINDS[0], prefix=f"{task.name}__"):
                ready = ("exec", main, "test", "-e", READY)
                if main.endswith("-main-1") and engine.run_docker(*ready).returncode == 0:
                    project = main.removesuffix("-main-1")
                    act(project)
                    engine.run_docker("exec", main, "touch", ACTED)
                    acted.append(project)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield acted
    finally:
        over.set()
        watcher.join()
