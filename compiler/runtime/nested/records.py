"""The folders of nested jobs: how their runs are numbered, and what is kept of those that ended."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

# What tells later what was run and how it went; agents' and verifiers' own files may be large.
KEPT = frozenset({"result.json", "exception.txt", "trial.log", "config.json"})
MOST_KEPT = 200
_RUN = re.compile(r"run-([0-9]{1,6})\.json")


def next_run(folder: Path) -> int:
    """The number of the next run in a job's folder, from 1 on."""
    names = os.listdir(folder) if folder.is_dir() else []
    return 1 + max((int(found[1]) for name in names if (found := _RUN.fullmatch(name))), default=0)


def put_away(folder: Path, done: Path) -> None:
    """Moves the folder of a job that has its number to those that are done, without what is large;
    the oldest of them go when there are many.
    """
    if not folder.is_dir():
        return
    for trial in _trials(folder / "jobs"):
        _strip(trial)
    done.mkdir(parents=True, exist_ok=True)
    numbers = sorted(int(path.name.split("-")[0]) for path in done.iterdir())
    shutil.move(folder, done / f"{(numbers or [0])[-1] + 1:06d}-{folder.name}")
    for path in sorted(done.iterdir())[:-MOST_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _trials(jobs: Path) -> Iterator[Path]:
    for job in jobs.iterdir() if jobs.is_dir() else ():
        if job.is_dir():
            yield from (path for path in job.iterdir() if path.is_dir() and not path.is_symlink())


def _strip(trial: Path) -> None:
    for path in trial.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in KEPT:
            path.unlink(missing_ok=True)
