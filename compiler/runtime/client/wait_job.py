"""`mooring wait`: wait for an evaluation that was begun earlier, and print its result."""

from __future__ import annotations

import argparse

from .api import find_evaluator
from .errors import USAGE, ClientError
from .jobs import checked, finish, job_path, wait
from .plan import read_plan
from .status import requested_jobs
from .text import say

NAME = "wait"
SUMMARY = "wait for an evaluation, and print its result"
DESCRIPTION = """\
Waits until an evaluation has ended and prints what `mooring eval` would have printed. Without JOB
it is the evaluation that was asked for last. It costs nothing, however often it is called. To wait
for a bounded time, put `timeout SECONDS` in front: the evaluation goes on.
"""
EXAMPLES = """\
examples:
  mooring eval --split validation --detach && mooring wait
  mooring wait 7
  timeout 60 mooring wait 7 --json

exit codes: as of `mooring eval`; 4 when there is no such job.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", metavar="JOB", help="id of the job (default: the latest)")


def run(arguments: argparse.Namespace) -> None:
    plan = read_plan(arguments.plan)
    path = "" if arguments.job is None else job_path(arguments.job)
    evaluator = find_evaluator()
    if arguments.job is None:
        jobs = requested_jobs(evaluator.get("/status"))
        if not jobs:
            raise ClientError(USAGE, "no evaluation was asked for yet", "`mooring eval --help`")
        path = job_path(checked(jobs[-1])["id"])
        say(f"job {jobs[-1]['id']}")
    job = checked(evaluator.get(path))
    finish(wait(evaluator, job), plan, arguments.json)
