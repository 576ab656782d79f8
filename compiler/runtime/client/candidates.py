"""Asking something of a commit: it is sent when the evaluator does not know it yet."""

from __future__ import annotations

import argparse
import os
from typing import Any

from .api import Answered, Evaluator
from .errors import WORLD, ClientError
from .plan import Plan
from .repository import Repository, find_repository, spool
from .text import say

FILES_NAMED = 5


def find_commit(plan: Plan, name: str) -> tuple[Repository, str]:
    """The repository and the full id of a commit in it, with a warning of what is not in it."""
    repository = find_repository(plan.repository)
    commit = repository.resolve(name)
    if commit == repository.resolve("HEAD"):
        _warn(repository.uncommitted(), commit)
    return repository, commit


def ask_of_commit(
    evaluator: Evaluator, repository: Repository, plan: Plan, path: str, request: dict[str, Any]
) -> dict[str, Any]:
    """The answer to a POST whose request names a `commit`."""
    commit = request["commit"]
    try:
        return evaluator.post(path, request)
    except Answered as error:
        if error.status != 404 or commit == plan.baseline:
            raise
    _send(evaluator, repository, commit, plan.baseline)
    return evaluator.post(path, request)


def _send(evaluator: Evaluator, repository: Repository, commit: str, baseline: str) -> None:
    with spool() as file:
        repository.write_bundle(commit, baseline, file)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        answer = evaluator.post_bundle(file, size)
    if answer.get("commit") != commit:
        raise ClientError(WORLD, f"the evaluator took another commit than {commit}")


def _warn(names: list[str], commit: str) -> None:
    """Say what is in the work tree and not in the current commit."""
    if not names:
        return
    more = f" and {len(names) - FILES_NAMED} more" if len(names) > FILES_NAMED else ""
    say(f"warning: only commits are evaluated; not in {commit[:12]} as they lie here:")
    say(f"  {', '.join(names[:FILES_NAMED])}{more}")


def add_commit_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--commit", default="HEAD", metavar="REF", help="commit, branch or tag (default: HEAD)"
    )
