"""`mooring cancel`: end an evaluation."""

from __future__ import annotations

import argparse

from .api import find_evaluator
from .jobs import checked, job_path, print_document
from .plan import read_plan
from .text import shown

NAME = "cancel"
SUMMARY = "end an evaluation that waits or runs"
DESCRIPTION = """\
Ends an evaluation that is queued or running: it gets no score. One that was still queued is given
back to the budget; what has begun to run stays charged. One that has ended stays as it is.
"""
EXAMPLES = """\
example:
  mooring cancel 7

exit codes: 0 cancelled, 3 the machinery failed, 4 no such job, or it has ended already.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="id of the job")


def run(arguments: argparse.Namespace) -> None:
    read_plan(arguments.plan)
    path = job_path(arguments.job)
    job = checked(find_evaluator().post(f"{path}/cancel", {}))
    if arguments.json:
        print_document(job)
        return
    problem = f": {shown(job['problem'])}" if job.get("problem") else ""
    print(f"job {job['id']} is {job['state']}{problem}")
