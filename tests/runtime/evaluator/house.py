"""A whole small task on disk, and the evaluator's process over it, for the tests of this folder.

The problem: add two numbers. A candidate is a Python script; the scorer gives 1 for the right sum.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import compiler.runtime.evaluator as evaluator
from compiler.runtime.evaluator.plan import PlanA, decode_plan

PART = Path(evaluator.__file__).parent
SCORER = """
def score(sample, output):
    return {"score": 1.0 if output == sample["answer"] else 0.0, "length": float(len(str(output)))}
"""
SOLVE = """
import json, sys
values = json.load(open(sys.argv[1]))
json.dump({expression}, open(sys.argv[2], "w"))
"""
IDENTITY = {
    "GIT_AUTHOR_NAME": "Mooring",
    "GIT_AUTHOR_EMAIL": "mooring@localhost",
    "GIT_AUTHOR_DATE": "946684800 +0000",
    "GIT_COMMITTER_NAME": "Mooring",
    "GIT_COMMITTER_EMAIL": "mooring@localhost",
    "GIT_COMMITTER_DATE": "946684800 +0000",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
SAMPLES = {"train": 6, "validation": 10, "test": 10, "secret": 4}
# No candidate gets these right by adding: they tell apart what was summed and what was guessed.
ODD = {"train": 2, "validation": 3, "test": 4, "secret": 1}
Json = dict[str, Any]


def rows(split: str) -> list[Json]:
    """Rows of a split; the last `ODD[split]` have an answer that is off by one."""
    number = SAMPLES[split]
    return [
        {
            "id": f"{split}-row-{index}",
            "left": index,
            "right": 7 * index,
            "answer": 8 * index + (1 if index >= number - ODD[split] else 0),
            "note": f"hidden-note-{split}-{index}",
        }
        for index in range(number)
    ]


def solve(expression: str) -> str:
    """A candidate that answers with the value of a Python expression over `values`."""
    return SOLVE.format(expression=expression)


ADDING = solve('values["left"] + values["right"]')
WRONG = solve("-1")


def decode_plan_a(value: Json) -> PlanA:
    plan = decode_plan(value)
    assert isinstance(plan, PlanA)
    return plan


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class House:
    """The files of a task; `plan` is the evaluator's, as JSON, and changes before a start."""

    root: Path
    plan: Json

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def admin(self) -> Path:
        return self.root / "admin"

    @property
    def results(self) -> Path:
        return self.root / "results"

    def decoded(self) -> PlanA:
        return decode_plan_a(self.plan)

    def git(self, *words: str) -> str:
        return run_git(self.work, *words)

    def commit(self, script: str, extra: str = "") -> str:
        """A commit with this candidate; `extra` makes the tree another one."""
        (self.work / "solve.py").write_text(script)
        (self.work / "extra.txt").write_text(extra)
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", "candidate")
        return self.git("rev-parse", "HEAD")

    def bundle(self, commit: str) -> bytes:
        path = self.root / f"{commit}.bundle"
        self.git("update-ref", "refs/heads/candidate", commit)
        baseline = self.plan["baseline"]["commit"]
        self.git("bundle", "create", "--quiet", str(path), "candidate", f"^{baseline}")
        return path.read_bytes()


def run_git(folder: Path, *words: str) -> str:
    environment = {**os.environ, **IDENTITY}
    command = ["git", "-C", str(folder), *words]
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return result.stdout.strip()


def make_house(root: Path, script: str = WRONG, scorer: str = SCORER, **changes: Any) -> House:
    """Writes a task below `root`; `changes` replace keys of the plan."""
    for name in ("work", "data", "scorer", "run"):
        (root / name).mkdir(parents=True)
    for split in SAMPLES:
        lines = "".join(json.dumps(row) + "\n" for row in rows(split))
        (root / "data" / f"{split}.jsonl").write_text(lines)
    (root / "scorer" / "scorer.py").write_text(scorer)
    run_git(root / "work", "init", "--quiet", "-b", "main")
    house = House(root, {})
    commit = _make_baseline(house, script)
    house.plan = {**plan_of(root, commit, house.git("rev-parse", "HEAD^{tree}")), **changes}
    return house


def _make_baseline(house: House, script: str) -> str:
    (house.work / "solve.py").write_text(script)
    house.git("add", "-A")
    house.git("commit", "--quiet", "-m", "Baseline")
    with tarfile.open(house.root / "baseline.tar", "w") as tar:
        member = tarfile.TarInfo("solve.py")
        member.size, member.mode = len(script.encode()), 0o644
        tar.addfile(member, io.BytesIO(script.encode()))
    return house.git("rev-parse", "HEAD")


def budget(
    split: str, runs: int | None = None, samples: int | None = None, per_run: int | None = None
) -> Json:
    """A split's entry in the plan; what is not given has no limit."""
    return {
        "split": split,
        "total_run_budget": runs,
        "total_sample_budget": samples,
        "max_samples_per_run": per_run,
    }


def plan_of(root: Path, commit: str, tree: str) -> Json:
    access = {"train": "viewable", "validation": "non_viewable", "test": "no_access"}
    return {
        "plan_version": 1,
        "service": "eval-sidecar",
        "mode": "A",
        "task": "tests/adding",
        "baseline": {
            "commit": commit,
            "tree": tree,
            "object_format": "sha1",
            "archive": str(root / "baseline.tar"),
            "author": "Mooring",
            "email": "mooring@localhost",
            "time": 946684800,
            "message": "Baseline\n",
        },
        "listen": {"host": "127.0.0.1", "port": free_port()},
        "paths": {
            "admin": str(root / "admin"),
            "results": str(root / "results"),
            "runner_socket": str(root / "run" / "runner.sock"),
            "data": str(root / "data"),
            "scorer": str(root / "scorer"),
            "scorer_python": sys.executable,
        },
        "input_fields": ["left", "right"],
        "splits": [
            {
                "name": name,
                "access": access.get(name, "no_access"),
                "file": f"{name}.jsonl",
                "samples": samples,
                "min_samples": 5 if name == "validation" else 1,
            }
            for name, samples in SAMPLES.items()
        ],
        "scorer": {"module": "scorer", "function": "score"},
        "budgets": [
            budget("train", runs=3),
            budget("validation", samples=40),
        ],
        "deterministic": False,
        "selection": {
            "split": "validation",
            "mode": "auto_best",
            "rescore_top_k": 3,
            "baseline_floor": False,
        },
        "submit_enabled": False,
        "score_baseline": False,
        "targets": [{"split": "test", "reward_key": "reward", "sample_ids": None}],
        "failure_value": 0.0,
        "timeout": 60,
        "sample_timeout": 10,
        "scorer_timeout": 10,
        "max_concurrency": 2,
        "read_only_paths": [],
        "limits": {
            "bundle_bytes": 1 << 20,
            "tree_bytes": 4 << 20,
            "output_bytes": 65536,
            "git_seconds": 30,
        },
        "secrets": [],
    }


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a unix socket's name, readable for every user."""
    folder = Path(tempfile.mkdtemp(prefix="mooring-eval-", dir="/srv"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass
class Evaluator:
    """The evaluator's process."""

    house: House
    process: subprocess.Popen[bytes]

    def ask(
        self, method: str, target: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, Json]:
        port = self.house.plan["listen"]["port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        return _ask(connection, method, target, body, kind)

    def control(self, method: str, target: str) -> tuple[int, Json]:
        return _ask(Unix(self.house.admin / "control.sock"), method, target, None, "")

    def send(self, commit: str) -> tuple[int, Json]:
        bundle = self.house.bundle(commit)
        return self.ask("POST", "/candidates", bundle, "application/x-git-bundle")

    def evaluate(self, split: str, commit: str, **more: Any) -> tuple[int, Json]:
        return self.ask("POST", "/eval", {"split": split, "commit": commit, **more})

    def wait(self, job: str, seconds: float = 60) -> Json:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status, document = self.ask("GET", f"/jobs/{job}?wait=5")
            assert status == 200, document
            if document["state"] not in ("queued", "running"):
                return document
        raise AssertionError(f"job {job} did not end: {document}")

    def measure(self, split: str, commit: str) -> Json:
        """Sends a commit, has it evaluated, and gives the finished job."""
        status, document = self.send(commit)
        assert status == 201, document
        status, document = self.evaluate(split, commit)
        assert status == 202, document
        return self.wait(document["id"])

    def command(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        plan = str(self.house.root / "plan.json")
        command = [sys.executable, "-I", str(PART), name, "--plan", plan, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def wait_healthy(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        problem: Any = None
        while time.monotonic() < deadline:
            try:
                status, problem = self.control("GET", "/health")
                if status == 200:
                    return
            except (OSError, http.client.HTTPException) as error:
                problem = error
            assert self.process.poll() is None, "the evaluator ended"
            time.sleep(0.05)
        raise AssertionError(f"never healthy: {problem}")

    def process_text(self) -> str:
        """What others on the machine could read of the process: arguments, and the log it wrote."""
        arguments = Path(f"/proc/{self.process.pid}/cmdline").read_bytes()
        return arguments.decode() + (self.house.root / "log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def _ask(
    connection: http.client.HTTPConnection, method: str, target: str, body: Any, kind: str
) -> tuple[int, Json]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        headers = {"Content-Type": kind} if kind else {}
        connection.request(method, target, body=data, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def start_evaluator(house: House, **environment: str) -> Evaluator:
    """Starts the process; the caller ends it."""
    (house.root / "plan.json").write_text(json.dumps(house.plan))
    command = [sys.executable, "-I", str(PART), "serve", "--plan", str(house.root / "plan.json")]
    with (house.root / "log").open("ab") as log:
        process = subprocess.Popen(command, stderr=log, env={**os.environ, **environment})
    return Evaluator(house, process)


@contextmanager
def open_evaluator(house: House, **environment: str) -> Iterator[Evaluator]:
    """A healthy evaluator, stopped at the end in the way in which a container stops it."""
    evaluator = start_evaluator(house, **environment)
    try:
        evaluator.wait_healthy()
        yield evaluator
        assert evaluator.stop() == 0
    except BaseException:
        sys.stderr.write((house.root / "log").read_text()[-8000:])
        raise
    finally:
        if evaluator.process.poll() is None:
            evaluator.kill()


@contextmanager
def open_unhealthy(house: House, **environment: str) -> Iterator[Evaluator]:
    evaluator = start_evaluator(house, **environment)
    try:
        wait_for((house.admin / "control.sock").exists)
        yield evaluator
        assert evaluator.stop() == 0
    finally:
        if evaluator.process.poll() is None:
            evaluator.kill()


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
