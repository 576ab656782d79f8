"""`mooring status`: the splits, what is left of their budgets, and the latest evaluations."""

from __future__ import annotations

import argparse
from typing import Any

from .api import find_evaluator
from .errors import WORLD, ClientError
from .jobs import print_document
from .plan import Plan, read_plan
from .text import shown, table

NAME = "status"
SUMMARY = "show splits, what is left of the budgets, and the evaluations"
DESCRIPTION = """\
Lists the splits that can be evaluated: the tier (what an evaluation shows), the number of samples,
the least and the most that one evaluation may take, and what is left of the budgets. An evaluation
costs one run and as many samples as it takes; where nothing is said there is no limit. Then the
latest evaluations. Costs nothing.
"""
EXAMPLES = """\
examples:
  mooring status
  mooring status --json

exit codes: 0, 3 the machinery failed.
"""
JOBS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(arguments: argparse.Namespace) -> None:
    plan = read_plan(arguments.plan)
    status = find_evaluator().get("/status")
    print_document(status) if arguments.json else print("\n".join(_lines(status, plan)))


def _lines(status: dict[str, Any], plan: Plan) -> list[str]:
    baseline = status.get("baseline")
    commit = baseline.get("commit") if isinstance(baseline, dict) else None
    lines = [f"task {shown(status.get('task'))}, baseline {shown(commit, 64)[:12]}"]
    if plan.network == "none":
        lines.append("This container reaches the evaluator, and no network.")
    if status.get("sealed"):
        lines.append("The session is sealed: no further evaluations.")
    lines += ["", *_split_lines(_objects(status, "splits"))]
    jobs = requested_jobs(status)
    if jobs:
        lines += ["", *_job_lines(jobs[-JOBS:])]
    if len(jobs) > JOBS:
        lines.append(f"the latest {JOBS} of {len(jobs)}")
    return [*lines, "", *_result_lines(status, plan)]


def requested_jobs(status: dict[str, Any]) -> list[dict[str, Any]]:
    """The evaluations that were asked for, the latest last."""
    return _objects(status, "jobs")


def _objects(status: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = status.get(key)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ClientError(WORLD, f"the evaluator's status has no list of {key}")
    return found


def _split_lines(splits: list[dict[str, Any]]) -> list[str]:
    rows = [["split", "tier", "samples", "least", "most", "runs left", "samples left"]]
    for split in splits:
        budget = _budget(split)
        cells = [shown(split.get(key), 40) for key in ("name", "access", "samples")]
        least, most = split.get("min_samples"), split.get("max_samples_per_run")
        cells += [shown("-" if bound is None else bound, 20) for bound in (least, most)]
        rows.append([*cells, _left(budget.get("runs")), _left(budget.get("samples"))])
    return table(rows)


def _budget(split: dict[str, Any]) -> dict[str, Any]:
    own = split.get("budget")
    return own if isinstance(own, dict) else {}


def _left(account: Any) -> str:
    if not isinstance(account, dict):
        return "no limit"
    return f"{shown(account.get('left'), 20)} of {shown(account.get('total'), 20)}"


def left_text(status: dict[str, Any], split: str) -> str:
    """What is left of a split's budget, as a sentence."""
    for found in _objects(status, "splits"):
        if found.get("name") == split:
            budget = _budget(found)
            runs, samples = _left(budget.get("runs")), _left(budget.get("samples"))
            return f"Left on {shown(split)}: runs {runs}, samples {samples}."
    return f"The evaluator says nothing of {shown(split)}."


def _job_lines(jobs: list[dict[str, Any]]) -> list[str]:
    rows = [["job", "split", "commit", "state"]]
    for job in jobs:
        commit = shown(job.get("commit"), 64)[:12]
        cells = [shown(job.get(key), 40) for key in ("id", "split", "state")]
        rows.append([cells[0], cells[1], commit, cells[2]])
    return table(rows)


def _result_lines(status: dict[str, Any], plan: Plan) -> list[str]:
    """How the session's result comes about."""
    if not plan.submit_enabled:
        return ["The result is chosen among the evaluated commits; there is nothing to submit."]
    submit = status.get("submit")
    submitted = submit.get("submitted") if isinstance(submit, dict) else None
    if not isinstance(submitted, dict):
        return ["The result is the commit that you submit (`mooring submit`): none yet."]
    commit = shown(submitted.get("commit"), 64)[:12]
    return [f"The result is the commit that you submitted last: {commit}."]
