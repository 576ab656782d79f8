"""`mooring results`: the results so far, or one of them again."""

from __future__ import annotations

import argparse
from typing import Any

from .api import Evaluator, find_evaluator
from .errors import WORLD, ClientError
from .jobs import job_path, print_document
from .plan import read_plan
from .show import result_lines, selection_text
from .text import number, shown, table

NAME = "results"
SUMMARY = "list the results so far, or show one again"
DESCRIPTION = """\
Without ID, a line for each evaluation that has a score, in the order in which they were asked for.
With ID, that result as `mooring eval` printed it. Costs nothing.

The same results are files in the results folder: <ID>/result.json, and <ID>/samples.jsonl with one
object a sample where the split is viewable.
"""
EXAMPLES = """\
examples:
  mooring results
  mooring results 7
  mooring results --json

exit codes: 0, 3 there is no result yet or the machinery failed, 4 no such job.
"""
MOST_LISTED = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="id of the evaluation")


def run(arguments: argparse.Namespace) -> None:
    plan = read_plan(arguments.plan)
    if arguments.id is None:
        found = _read_all(find_evaluator())
        print_document({"results": found}) if arguments.json else print("\n".join(_lines(found)))
        return
    path = job_path(arguments.id).replace("/jobs/", "/results/")
    result = find_evaluator().get(path)
    if arguments.json:
        print_document(result)
        return
    print("\n".join(result_lines({**result, "id": arguments.id, "result": result}, plan)))


def _read_all(evaluator: Evaluator) -> list[dict[str, Any]]:
    """All results in their order; the evaluator gives the latest ones first, a page at a time."""
    found = page = _read_page(evaluator, "/results")
    while page and len(found) < MOST_LISTED:
        page = _read_page(evaluator, f"/results?before={page[0]['id']}")
        found = page + found
    return found


def _read_page(evaluator: Evaluator, path: str) -> list[dict[str, Any]]:
    page = evaluator.get(path).get("results")
    if not isinstance(page, list) or not all(_is_result(item) for item in page):
        raise ClientError(WORLD, "the evaluator's answer is no list of results")
    return page


def _is_result(item: Any) -> bool:
    return isinstance(item, dict) and str(item.get("id")).isalnum()


def _lines(found: list[dict[str, Any]]) -> list[str]:
    if not found:
        return ["no results yet"]
    rows = [["job", "split", "commit", "score", ""]]
    for item in found:
        names = [shown(item.get(key), 40) for key in ("id", "split")]
        commit = shown(item.get("commit"), 64)[:12]
        rows.append([*names, commit, number(item.get("score")), selection_text(item)])
    return table(rows)
