"""Mode B without Docker: a real runner, a real nested Harbor whose tasks are local processes, and
the evaluator's backend between them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from compiler.runtime.evaluator.candidates import CandidateStore
from compiler.runtime.evaluator.dataset import Sample, read_samples
from compiler.runtime.evaluator.mode_b import ModeB
from compiler.runtime.evaluator.outcomes import Outcome
from compiler.runtime.evaluator.plan import PlanB, decode_plan
from compiler.runtime.evaluator.runner_client import RunnerClient
from tests.runtime.evaluator.house import plan_of
from tests.runtime.runner.box import (
    Box,
    make_places,
    make_plan,
    make_tar,
    processes_of,
    start_daemon,
    tree_id,
)

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENTS = ROOT / "tests/harbor/local"
ENVIRONMENT = "local_process:LocalProcessEnvironment"
TASKS = ("apples", "pears", "plums")
Json = dict[str, Any]

SETTINGS: Json = {
    "task_source": None,
    "environment": ENVIRONMENT,
    "model": None,
    "n_attempts": 1,
    "max_retries": 0,
    "retry": {
        "include": None,
        "exclude": None,
        "wait_multiplier": 1.0,
        "min_wait": 0.1,
        "max_wait": 0.1,
    },
    "reward_key": None,
    "aggregate_attempts": "mean",
    "exceptions": {},
    "extra_args": [],
}
# The reward is 1 for the task's own name in upper case.
TEST = """#!/bin/bash
if [ -e /tests/more.sh ]; then . /tests/more.sh; fi
if [ "$(cat /app/answer.txt 2>/dev/null)" = "{answer}" ]; then reward=1; else reward=0; fi
echo $reward >/logs/verifier/reward.txt
"""


def make_task(
    folder: Path, name: str, *, seconds: float = 60, files: Mapping[str, str] | None = None
) -> None:
    """A task that asks for its own name in upper case; `files` are put over its own."""
    content = {
        "task.toml": f'schema_version = "1.4"\n[task]\nname = "yard/{name}"\n'
        f"[agent]\ntimeout_sec = {seconds}\n[verifier]\ntimeout_sec = 20\n",
        "instruction.md": f"Write {name} in upper case into `/app/answer.txt`.\n",
        "environment/Dockerfile": "FROM scratch\n",
        "environment/name.txt": f"{name}\n",
        "tests/test.sh": TEST.format(answer=name.upper()),
        **(files or {}),
    }
    for path, text in content.items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(text)


class Store:
    """Stands for the evaluator's candidates."""

    def __init__(self) -> None:
        self.trees: dict[str, bytes] = {}

    def add(self, files: Mapping[str, str]) -> str:
        data = make_tar(dict(files))
        self.trees[tree_id(data)] = data
        return tree_id(data)

    def archive(self, tree: str) -> Generator[bytes, None, None]:
        yield self.trees[tree]


@dataclass
class Yard:
    root: Path
    box: Box
    plan: Json
    store: Store

    @property
    def admin(self) -> Path:
        return self.root / "admin"

    @property
    def tasks(self) -> Path:
        return self.root / "inner"

    @property
    def work(self) -> Path:
        return self.admin / "nested"

    def decoded(self) -> PlanB:
        plan = decode_plan(self.plan)
        assert isinstance(plan, PlanB)
        return plan

    def backend(self) -> ModeB:
        plan = self.decoded()
        return ModeB(plan, cast(CandidateStore, self.store), RunnerClient(plan))

    def samples(self, split: str = "train") -> Sequence[Sample]:
        return read_samples(self.decoded())[split]

    async def evaluating(self, tree: str, split: str = "train") -> tuple[Outcome, ...]:
        backend = self.backend()
        try:
            return await backend.evaluate(tree, self.samples(split))
        finally:
            await backend.close()

    def evaluate(self, files: Mapping[str, str], split: str = "train") -> tuple[Outcome, ...]:
        """One evaluation of a candidate that is these files."""
        return asyncio.run(self.evaluating(self.store.add(files), split))

    def configure(self, **changes: Any) -> None:
        self.plan["harbor"] = {**self.plan["harbor"], **changes}

    def set_tasks(self, names: Sequence[str], split: str = "train") -> None:
        """The tasks of a split, which must be there."""
        (self.root / f"cases/{split}.json").write_text(json.dumps(list(names)))
        for entry in self.plan["splits"]:
            if entry["name"] == split:
                entry["samples"] = len(names)


def waiting_test(flag: Path) -> str:
    """A verifier's script that waits for a file, and not for ever: its Harbor may be killed."""
    wait = f"timeout 120 bash -c 'while [ ! -e {flag} ]; do sleep 0.1; done'"
    return f"#!/bin/bash\n{wait} && echo 1 >/logs/verifier/reward.txt\n"


def was_broken_off(result: Json) -> bool:
    """Whether a trial's result is of one that Harbor ended when it was told to stop. Where the
    signal meets it in the middle of the trial's own code, it records no exception.
    """
    exception = result["exception_info"]
    broken = exception is None or exception["exception_type"] == "CancelledError"
    return broken and result["verifier_result"] is None


def harbor_program() -> Path:
    return Path(os.environ.get("MOORING_HARBOR") or ROOT / ".venv-harbor/bin/harbor")


def open_python(root: Path, ends: ExitStack) -> Path:
    """Harbor's interpreter where a candidate's user can run it: a checkout's may lie in somebody's
    home.
    """
    python = harbor_program().parent / "python"
    script = "import sys, sysconfig; print(sys.base_prefix); print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    base, packages = map(Path, asked.stdout.split())
    for source, name in ((base, "python"), (packages, "packages")):
        (root / name).mkdir()
        subprocess.run(["mount", "--bind", source, root / name], check=True)
        ends.callback(subprocess.check_call, ["umount", "-l", str(root / name)])
    version = packages.parent.name
    (root / f"venv/lib/{version}").mkdir(parents=True)
    (root / f"venv/lib/{version}/site-packages").symlink_to(root / "packages")
    (root / "venv/bin").mkdir()
    (root / "venv/bin/python").symlink_to(root / f"python/bin/{version}")
    (root / "venv/pyvenv.cfg").write_text(f"home = {root}/python/bin\n")
    return root / "venv/bin/python"


def _runner_plan(root: Path, slots: int, python: Path, import_path: str) -> Json:
    plan = make_plan(root, slots)
    for key in ("command", "sample_timeout"):
        del plan[key]
    plan["secrets"] = ["BOX_TOKEN"]
    plan["environment"]["LD_LIBRARY_PATH"] = str(root / "python/lib")
    agent = {"import_path": import_path, "python": str(python), "session_timeout": 120}
    return {**plan, "mode": "B", "agent": agent}


def _evaluator_plan(root: Path, slots: int) -> Json:
    plan = plan_of(root, "a" * 40, "b" * 40)
    for key in ("input_fields", "scorer", "sample_timeout", "scorer_timeout"):
        del plan[key]
    for split in plan["splits"]:
        split["file"] = f"{split['name']}.json"
        split["samples"] = len(TASKS)
    paths = plan["paths"]
    plan["paths"] = {
        **{name: paths[name] for name in ("admin", "results", "runner_socket")},
        "cases": str(root / "cases"),
        "inner_tasks": str(root / "inner"),
        "environments": str(ENVIRONMENTS),
        "harbor": str(harbor_program()),
    }
    return {
        **plan,
        "mode": "B",
        "harbor": dict(SETTINGS),
        "timeout": 300,
        "max_concurrency": slots,
        "secrets": [],
    }


@contextmanager
def open_yard(
    *, slots: int = 3, import_path: str = "solver:Agent", tasks: Sequence[str] = TASKS
) -> Iterator[Yard]:
    """A runner and all that the evaluator's backend needs; afterwards nothing of it may be left."""
    root = Path(tempfile.mkdtemp(prefix="mooring-yard-", dir="/srv"))
    root.chmod(0o755)
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, root)
        python = open_python(root, ends)
        runner = _runner_plan(root, slots, python, import_path)
        plan = _evaluator_plan(root, slots)
        make_places(runner)
        source = ROOT / "compiler/runtime"
        for part in ("runner", "agent"):
            shutil.copytree(source / part, root / "runtime" / part)
        shutil.copy(source / "__init__.py", root / "runtime")
        for folder in ("admin", "cases", "inner"):
            (root / folder).mkdir(mode=0o700)
        for name in tasks:
            make_task(root / "inner", name)
        process = start_daemon(root, runner, root / "runtime/runner")
        yard = Yard(root, Box(root, runner, process), plan, Store())
        for split in plan["splits"]:
            yard.set_tasks(tasks, split["name"])
        plan["paths"]["runner_socket"] = runner["socket"]
        try:
            yield yard
        finally:
            process.terminate()
            process.wait(timeout=20)
            left = processes_of(yard.box.uids())
    assert not left
