"""`mooring eval`: have a commit evaluated on a split, wait, and print the result."""

from __future__ import annotations

import argparse
import difflib
from typing import Any

from . import candidates, selection
from .api import Answered, Evaluator, Unreachable, find_evaluator
from .errors import USAGE, ClientError
from .jobs import checked, finish, go_on, print_document, wait
from .plan import Plan, read_plan
from .status import left_text
from .text import say, shown

NAME = "eval"
SUMMARY = "evaluate a commit on a split, and wait for the result"
DESCRIPTION = """\
Evaluates one commit on a split. Only what is committed counts: files that are changed or untracked
are left out, and a warning names some of them. The commit is sent to the evaluator when it does not
have it; no branch or tag is made.

An evaluation is charged to the split's budget before it runs: one run, and one sample for each that
it takes (see `mooring status`). When the machinery fails there is no score, and the charge is given
back; a commit that crashes or answers nonsense is scored and charged like any other. Where the task
is deterministic, the same files on the same samples give the recorded result and cost nothing: a
commit that changes no file is no new candidate.

On a viewable split you see the score, counts, the samples with the lowest scores, and the file with
all of them. --samples and --num-samples run some of the samples only, which is cheaper; such a
score is for you, and does not count for the choice of the session's result. On a non_viewable split
it is always the whole split, and you see one rounded score.
"""
EXAMPLES = """\
examples:
  git commit -am "Try X" && mooring eval --split train
  mooring eval --split train --num-samples 5       a quick look, for 1 run and 5 samples
  mooring eval --split train --num-samples 5 --seed 1    the same 5 for each commit
  mooring eval --split train --samples s1,s7,s9    the samples that failed before
  mooring eval --split validation --commit HEAD~1
  mooring eval --split validation --detach         prints the job; later: mooring wait JOB
  mooring eval --split train --json > /tmp/job.json

exit codes:
  0  there is a score (with --detach: a job)
  2  the request is wrong and nothing was charged: unknown split, sample or commit, samples chosen
     on a non_viewable split, fewer than the split's least, more than one evaluation may take
  3  no score for reasons of the machinery; try again
  4  refused, and repeating it does not help: budget spent, no access, session over, unusable commit
  130, 143  interrupted: the evaluation goes on, and the message says how to get its result
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split", metavar="SPLIT", help="name of the split; needless where there is one only"
    )
    candidates.add_commit_option(parser)
    selection.add_arguments(parser)
    parser.add_argument(
        "--detach", action="store_true", help="do not wait: print the job, for `mooring wait JOB`"
    )


def run(arguments: argparse.Namespace) -> None:
    plan = read_plan(arguments.plan)
    arguments.split = _find_split(arguments.split, plan)
    chosen = selection.decode_selection(arguments, plan)
    evaluator = find_evaluator()
    repository, commit = candidates.find_commit(plan, arguments.commit)
    request = {"split": arguments.split, "commit": commit, **chosen}
    try:
        job = checked(candidates.ask_of_commit(evaluator, repository, plan, "/eval", request))
    except Answered as error:
        raise _explained(error, evaluator, arguments.split) from None
    except Unreachable as error:
        if error.sent:
            error.hint = (
                "It may have been begun all the same: see `mooring status` before you repeat it."
            )
        raise
    if arguments.detach:
        _tell(job, commit, arguments)
        return
    say(f"job {job['id']}: commit {commit[:12]} on {arguments.split}")
    finish(wait(evaluator, job), plan, arguments.json)


def _tell(job: dict[str, Any], commit: str, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print_document(job)
        return
    print(f"job {job['id']}: commit {commit[:12]} on {arguments.split}, {job['state']}")
    say(go_on(job["id"]))


def _explained(error: Answered, evaluator: Evaluator, split: str) -> ClientError:
    """A spent budget is for good: say what is left of it, where that can still be learnt."""
    if error.word != "budget_spent":
        return error
    try:
        left = left_text(evaluator.get("/status"), split)
    except ClientError:
        left = "`mooring status` shows what is left of each budget."
    error.hint = f"{left} What is spent does not come back: do not repeat this request."
    return error


def _find_split(split: str | None, plan: Plan) -> str:
    """The split that is meant; names of others, and none where there are several, are refused."""
    if split is None and len(plan.splits) == 1:
        return next(iter(plan.splits))
    names = ", ".join(f"{name} ({found.access})" for name, found in plan.splits.items())
    hint = f"Splits: {names or 'none'}"
    if split is None:
        raise ClientError(USAGE, "which split? Say it with --split", hint)
    if split not in plan.splits:
        near = difflib.get_close_matches(split, plan.splits, 1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        message = f"{shown(split)!r} is no split that can be evaluated.{guess}"
        raise ClientError(USAGE, message, hint, "unknown_split")
    return split
