"""`report JOB_FOLDER`: a line a trial. `report session FILE`: what a session's archive holds.

Exit codes: 0 every trial has a reward, or the archive is whole; 2 wrong use; 3 a trial without a
reward, or a job or an archive that cannot be read or is damaged.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .job import Job, JobError, Trial, read_job
from .render_session import render_session
from .session import SessionError, read_session, session_document
from .text import shown

USAGE = "usage: report JOB_FOLDER\n       report session FILE [--json]"
WIDTH = 300


def main(words: Sequence[str]) -> int:
    """Print how the trials of a job's folder ended, or what happened in a session."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    names = [word for word in words if word != "--json"]
    wrong = any(name.startswith("-") for name in names) or len(words) - len(names) > 1
    if not wrong and len(names) == 2 and names[0] == "session":
        return _report_session(Path(names[1]), as_json="--json" in words)
    if not wrong and len(words) == 1 and names:
        return _report_job(Path(names[0]))
    print(USAGE, file=sys.stderr)
    return 2


def _report_session(file: Path, *, as_json: bool) -> int:
    try:
        session = read_session(file)
    except SessionError as error:
        print(f"report: {error}", file=sys.stderr)
        return 3
    print(json.dumps(session_document(session), indent=2) if as_json else render_session(session))
    return 3 if session.problems else 0


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
