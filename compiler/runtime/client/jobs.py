"""An evaluation as the evaluator tells of it: asking, waiting, and how it ends for the caller."""

from __future__ import annotations

import json
import signal
import time
from typing import Any, NoReturn

from .api import Answered, Evaluator, Unreachable
from .errors import WORLD, ClientError, Stopped
from .plan import Plan
from .show import result_lines
from .text import say, shown

# How long the evaluator holds a question until there is news, in seconds.
HELD = 30
ANSWER_SECONDS = HELD + 30.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
# How long an evaluator that does not answer is asked again, in seconds.
PATIENCE = 60.0
NEWS_EVERY = 30.0
UNFINISHED = ("queued", "running")
_STATES = (*UNFINISHED, "done", "invalid", "cancelled")
_NO_SCORE = {
    "invalid": "This is no score and not the commit's fault. `mooring status` shows the budgets.",
    "cancelled": "This is no score. `mooring status` shows what is left of the budgets.",
}


def checked(job: dict[str, Any]) -> dict[str, Any]:
    """A job as the contract has it: a known state and an id that can be a file name."""
    if job.get("state") not in _STATES or not _is_id(job.get("id")):
        raise ClientError(WORLD, "the evaluator's answer is not a job")
    return job


def _is_id(name: object) -> bool:
    return isinstance(name, str) and name.isascii() and name.isalnum()


def job_path(name: str) -> str:
    """Where a job is asked for; a name that no job can have is refused before it is asked."""
    if not _is_id(name):
        message = f"{shown(name, 60)!r} is no evaluation's id"
        raise ClientError(2, message, "`mooring status` lists the evaluations.")
    return f"/jobs/{name}"


def wait(evaluator: Evaluator, job: dict[str, Any]) -> dict[str, Any]:
    """The job when it has ended; bears an evaluator that is away for a while.

    Whoever interrupts it learns that the evaluation goes on without them.
    """
    try:
        return _wait(evaluator, job)
    except KeyboardInterrupt as stop:
        _stopped(job, stop)


def _wait(evaluator: Evaluator, job: dict[str, Any]) -> dict[str, Any]:
    pause = FIRST_PAUSE
    began = heard = told = time.monotonic()
    while job["state"] in UNFINISHED:
        asked = time.monotonic()
        news = _ask(evaluator, job["id"], may_fail=asked - heard < PATIENCE)
        now = time.monotonic()
        if news is not None:
            job, heard = news, now
        if now - told >= NEWS_EVERY and job["state"] in UNFINISHED:
            told = now
            say(f"job {job['id']}: {job['state']}, {now - began:.0f} s so far")
        if job["state"] in UNFINISHED and now - asked < 1:
            # It answered at once, or not at all: it must not be asked without pause.
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
    return job


def _ask(evaluator: Evaluator, name: str, *, may_fail: bool) -> dict[str, Any] | None:
    """The job when there is news of it; None when the evaluator may have an answer later."""
    try:
        return checked(evaluator.get(f"/jobs/{name}?wait={HELD}", ANSWER_SECONDS))
    except (Answered, Unreachable) as error:
        passing = isinstance(error, Unreachable) or error.status >= 500
        if passing and may_fail:
            return None
        error.hint = error.hint or go_on(name)
        raise


def _stopped(job: dict[str, Any], stop: KeyboardInterrupt) -> NoReturn:
    number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
    hint = f"It goes on in the evaluator and has been charged. {go_on(job['id'])}"
    message = f"stopped waiting for job {job['id']}"
    raise ClientError(128 + number, message, hint, "stopped") from None


def go_on(name: str) -> str:
    """How to come back to an evaluation."""
    return f"`mooring wait {name}` goes on waiting, `mooring cancel {name}` ends it."


def finish(job: dict[str, Any], plan: Plan, as_json: bool) -> None:
    """Print a job that has ended; one that has no result is an error."""
    if job["state"] != "done":
        problem = job.get("problem") or "the evaluator gave no reason"
        hint = _NO_SCORE.get(job["state"], "")
        error = ClientError(WORLD, f"job {job['id']} is {job['state']}: {problem}", hint)
        error.document = job
        raise error
    print_document(job) if as_json else print("\n".join(result_lines(job, plan)))


def print_document(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2))
