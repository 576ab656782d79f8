"""Waiting for an evaluation, and showing what became of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from .api import Answered, Evaluator, Unreachable
from .errors import WORLD, ClientError
from .plan import Plan
from .text import number, shown, table

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
# How long an evaluator that does not answer is asked again, in seconds.
PATIENCE = 60.0
NEWS_EVERY = 30.0
ROWS = 20
_UNFINISHED = ("queued", "running")
_STATES = (*_UNFINISHED, "done", "invalid", "cancelled")


def checked(job: dict[str, Any]) -> dict[str, Any]:
    """A job as the contract has it: a known state and an id that can be a file name."""
    name = job.get("id")
    if job.get("state") not in _STATES or not isinstance(name, str) or not name.isalnum():
        raise ClientError(WORLD, "the evaluator's answer is not a job")
    return job


def wait(evaluator: Evaluator, job: dict[str, Any]) -> dict[str, Any]:
    """The job when it has ended; asks ever less often, and bears an evaluator that is away."""
    pause = FIRST_PAUSE
    began = heard = told = time.monotonic()
    while job["state"] in _UNFINISHED:
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
        now = time.monotonic()
        news = _ask(evaluator, job["id"], may_fail=now - heard < PATIENCE)
        if news is not None:
            job, heard = news, now
        if now - told >= NEWS_EVERY:
            told = now
            say(f"job {job['id']}: {job['state']}, {now - began:.0f} s so far")
    return job


def _ask(evaluator: Evaluator, name: str, *, may_fail: bool) -> dict[str, Any] | None:
    """The job as it is now; None when the evaluator has no answer and may have one later."""
    try:
        return checked(evaluator.get(f"/jobs/{name}"))
    except (Answered, Unreachable) as error:
        passing = isinstance(error, Unreachable) or error.status >= 500
        if passing and may_fail:
            return None
        raise


def say(line: str) -> None:
    """Progress and warnings; standard output is for results."""
    print(line, file=sys.stderr, flush=True)


def finish(job: dict[str, Any], plan: Plan, as_json: bool) -> None:
    """Print a job that has ended; one that has no result is an error."""
    if as_json:
        print(json.dumps(job, indent=2))
    elif job["state"] == "done":
        print("\n".join(result_lines(job, plan)))
    if job["state"] != "done":
        problem = job.get("problem") or "the evaluator gave no reason"
        raise ClientError(WORLD, f"job {job['id']} is {job['state']}: {problem}", _NO_RESULT)


_NO_RESULT = "This is no score. `mooring status` shows what is left of the budgets."


def result_lines(job: dict[str, Any], plan: Plan) -> list[str]:
    result = job.get("result")
    if not isinstance(result, dict):
        raise ClientError(WORLD, f"job {job['id']} is done, but has no result")
    split = shown(job.get("split"), 128)
    tier = plan.splits.get(split, "")
    lines = [f"job {job['id']}: commit {shown(job.get('commit'), 64)[:12]} on {split} ({tier})"]
    lines += [f"  {name:<8} {value}" for name, value in _aggregate(result)]
    details = result.get("details")
    if isinstance(details, list) and details:
        lines += ["", *_detail_lines([item for item in details if isinstance(item, dict)])]
        lines += ["", f"every sample: {plan.results / job['id'] / 'samples.jsonl'}"]
    else:
        lines += ["", f"also in {plan.results / job['id'] / 'result.json'}"]
    return lines


def _aggregate(result: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("score", number(result.get("score")))]
    metrics = result.get("metrics")
    if isinstance(metrics, dict):
        rows += [(shown(name, 60), number(metrics[name])) for name in sorted(metrics)]
    if "samples" in result:
        counts = ("samples", "scored", "failed")
        known = [f"{shown(result[key])} {key}" for key in counts if key in result]
        rows.append(("counts", ", ".join(known)))
    return rows


def _detail_lines(details: list[dict[str, Any]]) -> list[str]:
    """The samples with the lowest scores first: those say what to work on."""
    worst = sorted(details, key=_score)[:ROWS]
    rows = [["sample", "score", "output", "error"]]
    for item in worst:
        output = json.dumps(item.get("output")) if item.get("output") is not None else "-"
        cells = (item.get("id"), number(item.get("score")), output, item.get("error") or "")
        rows.append([shown(cell, width) for cell, width in zip(cells, (24, 10, 32, 60))])
    lines = table(rows)
    if len(details) > len(worst):
        lines.append(f"... and {len(details) - len(worst)} more with no lower score")
    return lines


def _score(item: dict[str, Any]) -> float:
    value = item.get("score")
    return float(value) if isinstance(value, (int, float)) else float("-inf")


def interruptible(job: dict[str, Any], then: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run `then`; whoever interrupts it learns that the evaluation goes on without them."""
    try:
        return then()
    except KeyboardInterrupt:
        hint = "It goes on in the evaluator and has been charged; `mooring status` lists it."
        raise ClientError(130, f"stopped waiting for job {job['id']}", hint) from None
