"""`mooring eval`: have a commit evaluated on a split, wait, and print the result."""

from __future__ import annotations

import argparse
import difflib
import os
from typing import Any

from .api import Answered, Evaluator, find_evaluator
from .errors import USAGE, WORLD, ClientError
from .jobs import checked, finish, interruptible, say, wait
from .plan import Plan, read_plan
from .repository import Repository, find_repository, spool
from .text import shown

NAME = "eval"
SUMMARY = "evaluate a commit on a split, and wait for the result"
DESCRIPTION = """\
Evaluates one commit on every sample of a split. Only what is committed counts: files that are
changed or untracked are left out, and a warning names some of them. Each evaluation is charged to
the split's budget (see `mooring status`). A viewable split shows the score, a line for each of its
worst samples and the files with all of them; a non_viewable split shows the score and nothing else.
"""
EXAMPLES = """\
examples:
  git commit -am "Try X" && mooring eval --split train
  mooring eval --split validation --commit HEAD~1
  mooring eval --split train --json | python3 -m json.tool
"""
FILES_NAMED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split", required=True, metavar="SPLIT", help="name of the split")
    parser.add_argument(
        "--commit", default="HEAD", metavar="REF", help="commit, branch or tag (default: HEAD)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the evaluation as one JSON object"
    )


def run(arguments: argparse.Namespace) -> None:
    plan = read_plan(arguments.plan)
    _check_split(arguments.split, plan)
    evaluator = find_evaluator()
    repository = find_repository(plan.repository)
    commit = repository.resolve(arguments.commit)
    _warn(repository, commit)
    job = submit(evaluator, repository, commit, arguments.split, plan.baseline)
    say(f"job {job['id']}: commit {commit[:12]} on {arguments.split}")
    job = interruptible(job, lambda: wait(evaluator, job))
    finish(job, plan, arguments.json)


def submit(
    evaluator: Evaluator, repository: Repository, commit: str, split: str, baseline: str
) -> dict[str, Any]:
    """Ask for the evaluation; the commit itself is sent when the evaluator does not know it yet."""
    request = {"split": split, "commit": commit}
    try:
        return checked(evaluator.post("/eval", request))
    except Answered as error:
        if error.status != 404 or commit == baseline:
            raise
    _send(evaluator, repository, commit, baseline)
    return checked(evaluator.post("/eval", request))


def _send(evaluator: Evaluator, repository: Repository, commit: str, baseline: str) -> None:
    with spool() as file:
        repository.write_bundle(commit, baseline, file)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        answer = evaluator.post_bundle(file, size)
    if answer.get("commit") != commit:
        raise ClientError(WORLD, f"the evaluator took another commit than {commit}")


def _check_split(split: str, plan: Plan) -> None:
    if split in plan.splits:
        return
    near = difflib.get_close_matches(split, plan.splits, 1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    names = ", ".join(f"{name} ({tier})" for name, tier in plan.splits.items())
    raise ClientError(
        USAGE, f"{shown(split)!r} is no split that can be evaluated.{guess}", f"Splits: {names}"
    )


def _warn(repository: Repository, commit: str) -> None:
    """Say what the evaluation will not see, when it is the current commit that is evaluated."""
    if commit != repository.resolve("HEAD"):
        return
    names = repository.uncommitted()
    if not names:
        return
    more = f" and {len(names) - FILES_NAMED} more" if len(names) > FILES_NAMED else ""
    say(f"warning: only commits are evaluated; not in {commit[:12]} as they lie here:")
    say(f"  {', '.join(names[:FILES_NAMED])}{more}")
