"""`mooring status`: the splits, what is left of their budgets, and the latest evaluations."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .api import find_evaluator
from .errors import WORLD, ClientError
from .plan import read_plan
from .text import shown, table

NAME = "status"
SUMMARY = "show splits, budgets left and recent evaluations"
DESCRIPTION = """\
Lists the splits that can be evaluated with their tier (what an evaluation shows), how many
evaluations (runs) and samples are left of their budgets, and the latest evaluations.
"""
EXAMPLES = """\
examples:
  mooring status
  mooring status --json
"""
JOBS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the status as one JSON object")


def run(arguments: argparse.Namespace) -> None:
    read_plan(arguments.plan)
    status = find_evaluator().get("/status")
    lines = [json.dumps(status, indent=2)] if arguments.json else _lines(status)
    print("\n".join(lines))


def _lines(status: dict[str, Any]) -> list[str]:
    baseline = status.get("baseline")
    commit = baseline.get("commit") if isinstance(baseline, dict) else None
    lines = [f"task {shown(status.get('task'))}, baseline {shown(commit, 64)[:12]}"]
    if status.get("sealed"):
        lines.append("The session is sealed: no further evaluations.")
    lines += ["", *_split_lines(_objects(status, "splits"))]
    jobs = _objects(status, "jobs")
    if jobs:
        lines += ["", *_job_lines(jobs[-JOBS:])]
    if len(jobs) > JOBS:
        lines.append(f"the latest {JOBS} of {len(jobs)}")
    return lines


def _objects(status: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = status.get(key)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ClientError(WORLD, f"the evaluator's status has no list of {key}")
    return found


def _split_lines(splits: list[dict[str, Any]]) -> list[str]:
    rows = [["split", "tier", "samples", "runs left", "samples left"]]
    for split in splits:
        own = split.get("budget")
        budget = own if isinstance(own, dict) else {}
        cells = [shown(split.get(key), 40) for key in ("name", "access", "samples")]
        rows.append([*cells, _left(budget.get("runs")), _left(budget.get("samples"))])
    return table(rows)


def _left(account: Any) -> str:
    if not isinstance(account, dict):
        return "no limit"
    return f"{shown(account.get('left'))} of {shown(account.get('total'))}"


def _job_lines(jobs: list[dict[str, Any]]) -> list[str]:
    rows = [["job", "split", "commit", "state"]]
    for job in jobs:
        commit = shown(job.get("commit"), 64)[:12]
        cells = [shown(job.get(key), 40) for key in ("id", "split", "state")]
        rows.append([cells[0], cells[1], commit, cells[2]])
    return table(rows)
