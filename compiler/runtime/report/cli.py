"""`report JOB`: a line a trial. Exit codes: 0 every trial has a reward, 2 wrong use, 3 else."""

from __future__ import annotations

import sys
from pathlib import Path

from .job import Job, JobError, Trial, read_job


def main(words: list[str]) -> int:
    """Print how the trials of the job folder in `words` ended."""
    if len(words) != 1 or words[0].startswith("-"):
        print("usage: report JOB_FOLDER", file=sys.stderr)
        return 2
    try:
        job = read_job(Path(words[0]))
    except JobError as error:
        print(f"report: {error}", file=sys.stderr)
        return 3
    print(render_job(job))
    return 0 if job.good else 3


def render_job(job: Job) -> str:
    """A line a trial, and one for what is amiss with the whole."""
    lines = [_render_trial(trial) for trial in job.trials]
    if job.problem:
        lines.append(f"failed: {job.problem}")
    return "\n".join(lines)


def _render_trial(trial: Trial) -> str:
    if trial.problem:
        return f"{trial.name}: failed: {_printable(trial.problem)}"
    rewards = ", ".join(
        f"{_printable(key)} {value:g}" for key, value in sorted(trial.rewards.items())
    )
    return f"{trial.name}: {rewards}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
