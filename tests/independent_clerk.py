"""Count by hand, as it were, what a file clerk scores: no product code, no Harbor, no test.sh.

    python3 tests/independent_clerk.py CANDIDATE TASK...

CANDIDATE is a folder with clerk/rules.py, TASK a folder of fixtures/ok/file-clerk/input/tasks. The
candidate's script is run in a plain folder, and its lines are compared with the task's answers. The
mean over the tasks of the share of right answers is printed as a fraction.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

FILE_CLERK = Path(__file__).resolve().parent.parent / "fixtures" / "ok" / "file-clerk"
AGENT = FILE_CLERK / "input" / "agent"
BETTER = FILE_CLERK / "better"
TASKS = FILE_CLERK / "input" / "tasks"

_PRINT_SCRIPT = "import sys; from clerk.rules import script; print(script(sys.stdin.read()))"
SECONDS = 20


def count_task(candidate: Path, task: Path) -> Fraction:
    """The share of a task's questions that the candidate answers as they have to be."""
    instruction = (task / "instruction.md").read_text("utf-8")
    written = subprocess.run(
        [sys.executable, "-B", "-c", _PRINT_SCRIPT],
        cwd=candidate,
        input=instruction,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    ).stdout
    with tempfile.TemporaryDirectory() as scratch:
        app = Path(shutil.copytree(task / "environment", Path(scratch, "app")))
        argv = ["bash", "-c", written.replace("/app", str(app))]
        subprocess.run(argv, cwd=app, timeout=SECONDS, check=True)
        given = (app / "answers.txt").read_text("utf-8").split("\n")
    expected = (task / "tests" / "expected.txt").read_text("utf-8").splitlines()
    answers = [line.split(" ", maxsplit=1)[1] for line in expected]
    right = sum(mine == theirs for mine, theirs in zip(given, answers, strict=False))
    return Fraction(right, len(answers))


def count_tasks(candidate: Path, tasks: Sequence[Path]) -> Fraction:
    """The mean over the tasks."""
    return sum((count_task(candidate, task) for task in tasks), Fraction(0)) / len(tasks)


if __name__ == "__main__":
    print(count_tasks(Path(sys.argv[1]), [Path(task) for task in sys.argv[2:]]))
