"""The commands `recreate` and `extract`. Exit codes: 0, 2 wrong usage or plan, 3 failed."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from .archive import extract
from .errors import BaselineError
from .plan import PlanError, read_plan
from .recreate import recreate

_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*")


def main(words: list[str]) -> int:
    arguments = _parser().parse_args(words)
    # Modes are the archive's, whatever the caller's umask.
    os.umask(0o022)
    try:
        print(arguments.run(arguments))
    except PlanError as error:
        return _complain(str(error), 2)
    except (BaselineError, OSError) as error:
        return _complain(str(error), 3)
    return 0


def _complain(message: str, code: int) -> int:
    print(f"baseline: {message}", file=sys.stderr)
    return code


def _recreate(arguments: argparse.Namespace) -> str:
    baseline = read_plan(arguments.plan)
    into = arguments.into.absolute()
    made = recreate(arguments.archive, baseline, into, bare=arguments.bare, branch=arguments.branch)
    return f"{into}: {'made' if made else 'already holds'} baseline {baseline.commit}"


def _extract(arguments: argparse.Namespace) -> str:
    count = extract(arguments.archive, arguments.into)
    return f"{arguments.into}: {count} files"


def _branch(name: str) -> str:
    if _BRANCH.fullmatch(name) is None:
        raise argparse.ArgumentTypeError(f"{name!r} is no branch name")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="baseline", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("recreate", help="the repository whose only commit is the baseline")
    make.set_defaults(run=_recreate)
    make.add_argument(
        "--plan", type=Path, required=True, help="JSON file with the object `baseline`"
    )
    make.add_argument("--bare", action="store_true", help="no work tree")
    make.add_argument("--branch", type=_branch, default="main")
    files = commands.add_parser("extract", help="the baseline's files, without git")
    files.set_defaults(run=_extract)
    for command in (make, files):
        command.add_argument("--archive", type=Path, required=True, help="baseline.tar")
        command.add_argument("--into", type=Path, required=True, help="folder, missing or empty")
    return parser
