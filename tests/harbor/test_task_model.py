"""Harbor's own models know every key that is emitted; a key that they do not know is found."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.docker.tasks import compile_task
from tests.fixture_cases import OK, ROOT, list_cases
from tests.harbor.trials import Harbor

CHECK = Path(__file__).parent / "known_keys.py"
CASES = [case for case in list_cases(OK) if (OK / case / "expected" / "task.toml").exists()]
INNER_TASKS = sorted((ROOT / "templates/starter/b/tasks").iterdir())
LOAD_TASK = f"""\
import json, sys, tomllib
from pathlib import Path
sys.path.insert(0, {str(CHECK.parent)!r})
from known_keys import unknown_keys
from harbor.models.task.config import TaskConfig
from harbor.models.task.task import Task
folder = Path(sys.argv[1])
config = tomllib.loads((folder / "task.toml").read_text(encoding="utf-8"))
assert Task(folder).paths.solve_path.exists() and Task(folder).paths.test_path.exists()
print(json.dumps([Task(folder).name, list(unknown_keys(TaskConfig, config))]))
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("model")
    return compile_task(scratch, scratch / "task")


@pytest.fixture
def copy(task: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(task, tmp_path / "task"))


def check(python: Path, task: Path) -> dict[str, Any]:
    argv = [str(python), str(CHECK), str(task)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_harbor_loads_the_task_and_knows_every_key(harbor_python: Path, task: Path) -> None:
    assert check(harbor_python, task) == {"name": "mooring/word-problems", "task": [], "job": []}


@pytest.mark.parametrize("case", CASES)
def test_harbor_loads_every_ok_case(harbor_python: Path, case: str) -> None:
    name = YAML(typ="safe").load(OK / case / "input" / "build.yaml")["name"]
    expected = OK / case / "expected"
    assert check(harbor_python, expected) == {"name": name, "task": [], "job": []}


@pytest.mark.parametrize("folder", INNER_TASKS, ids=lambda folder: folder.name)
def test_harbor_loads_the_inner_tasks_of_the_starter(harbor_python: Path, folder: Path) -> None:
    argv = [str(harbor_python), "-c", LOAD_TASK, str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [f"starter/{folder.name}", []]


@pytest.mark.parametrize(
    ("file", "wrong", "found"),
    [
        ("task.toml", ('schema_version = "1.4"', 'shema_version = "1.4"'), "shema_version"),
        ("task.toml", ("[agent]", "[agents]"), "agents"),
        ("task.toml", ('user = "agent"', 'usr = "agent"'), "agent.usr"),
        ("task.toml", ('service = "main"', 'sevice = "main"'), "verifier.collect.0.sevice"),
        ("task.toml", ("destination = ", "destinaton = "), "artifacts.0.destinaton"),
        ("task.toml", ("workdir = ", "work_dir = "), "environment.work_dir"),
        ("run/job.yaml", ("n_attempts:", "n_attemps:"), "n_attemps"),
        ("run/job.yaml", ("max_retries:", "max_retry:"), "retry.max_retry"),
    ],
)
def test_a_slip_in_any_table_is_found(
    harbor_python: Path, copy: Path, file: str, wrong: tuple[str, str], found: str
) -> None:
    text = (copy / file).read_text(encoding="utf-8")
    assert text.count(wrong[0]) == 1
    (copy / file).write_text(text.replace(*wrong), encoding="utf-8")
    kind = "task" if file == "task.toml" else "job"
    assert check(harbor_python, copy)[kind] == [found]


def dry_run(harbor: Harbor, task: Path) -> int:
    argv = [str(harbor.command), "run", "--dry-run", "--config", "run/job.yaml"]
    argv += ["--path", str(task), "-a", "oracle", "-e", "docker", "--jobs-dir", str(harbor.jobs)]
    return harbor.run(argv, task).code


@pytest.mark.harbor
def test_harbor_accepts_the_job_file(harbor: Harbor, copy: Path) -> None:
    """Its dry run alone refuses unknown keys, as the second half shows."""
    assert dry_run(harbor, copy) == 0
    job = copy / "run/job.yaml"
    text = job.read_text(encoding="utf-8")
    job.write_text(text.replace("n_attempts:", "n_attemps:"), encoding="utf-8")
    assert dry_run(harbor, copy) != 0
