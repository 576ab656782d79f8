"""`report JOB_FOLDER`: a line a trial. `report session FILE`: what a session's archive holds.

Exit codes: 0 every trial has a reward, 2 wrong use, 3 a trial without one, or nothing to read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .job import Job, JobError, Trial, read_job
from .text import shown

USAGE = "usage: report JOB_FOLDER"
WIDTH = 300


def main(words: Sequence[str]) -> int:
    """Print how the trials of the job folder in `words` ended."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    if len(words) != 1 or words[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    return _report_job(Path(words[0]))


def _report_job(folder: Path) -> int:
    try:
        job = read_job(folder)
    except JobError as error:
        print(f"report: {shown(error)}", file=sys.stderr)
        return 3
    print(render_job(job))
    return 0 if job.good else 3


def render_job(job: Job) -> str:
    """A line a trial, and one for what is amiss with the whole."""
    lines = [_render_trial(trial) for trial in job.trials]
    if job.problem:
        lines.append(f"failed: {shown(job.problem)}")
    return "\n".join(lines)


def _render_trial(trial: Trial) -> str:
    name = shown(trial.name)
    if trial.problem:
        return f"{name}: failed: {shown(trial.problem, WIDTH)}"
    rewards = ", ".join(f"{shown(key)} {value:g}" for key, value in sorted(trial.rewards.items()))
    beside = f" (and {shown(trial.exception, WIDTH)})" if trial.exception else ""
    return f"{name}: {rewards}{beside}"
