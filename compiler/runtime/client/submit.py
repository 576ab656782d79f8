"""`mooring submit`: say which commit is to be the session's result."""

from __future__ import annotations

import argparse

from . import candidates
from .api import find_evaluator
from .errors import REFUSED, ClientError
from .jobs import print_document
from .plan import read_plan
from .text import shown

NAME = "submit"
SUMMARY = "name the commit that is your result (where the task asks for it)"
DESCRIPTION = """\
Names the commit that is to be the result of the session. It costs nothing and may be repeated: the
last one counts. Only in tasks that say so (`mooring status` does too); in others the result is the
best of the evaluated commits, and this is refused with 4.

When nothing is submitted, the best commit that was evaluated on the selection split is taken, and
the baseline when there is none.
"""
EXAMPLES = """\
examples:
  mooring submit
  mooring submit HEAD~2

exit codes: 0 taken, 2 no such commit, 3 the machinery failed, 4 refused.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("commit", nargs="?", default="HEAD", metavar="COMMIT", help="default: HEAD")


def run(arguments: argparse.Namespace) -> None:
    plan = read_plan(arguments.plan)
    if not plan.submit_enabled:
        hint = "The result is chosen among the commits that you evaluate."
        raise ClientError(REFUSED, "this task takes no submission", hint, "submit_disabled")
    evaluator = find_evaluator()
    repository, commit = candidates.find_commit(plan, arguments.commit)
    answer = candidates.ask_of_commit(evaluator, repository, plan, "/submit", {"commit": commit})
    if arguments.json:
        print_document(answer)
        return
    print(f"submitted: {shown(answer.get('commit', commit), 64)[:12]}")
