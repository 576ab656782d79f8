"""`mooring dismiss`: the agent's time is over; what it left running or lying in wait goes.

The harness redirects what root runs to fixed names in folders that the agent may write to, before
that runs: a link there would let the agent choose which of root's files is emptied, the verifier's
own script too. So they are cleared before the harness begins.
"""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from pathlib import Path

from .errors import USAGE, WORLD, ClientError
from .plan import read_plan
from .processes import end_processes
from .safe_file import SafeFolder
from .text import shown

NAME = "dismiss"
SUMMARY = "end the agent's processes and clear its traps (for the harness; root)"
DESCRIPTION = """\
For the harness, which runs it as root when the agent's time is over and before anything is
collected or verified. Ends every process of the agent, then empties the given folders and removes
the given paths. Of no use to the agent, which may not end anything but itself.
"""
EXAMPLES = """\
example:
  mooring dismiss --empty /logs/verifier --remove /logs/artifacts/manifest.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for option, about in (("--empty", "a folder to empty"), ("--remove", "a path to remove")):
        parser.add_argument(
            option, action="append", default=[], type=Path, metavar="PATH", help=about
        )


def run(arguments: argparse.Namespace) -> None:
    for path in arguments.remove:
        if path.name in ("", ".", ".."):
            raise ClientError(USAGE, f"--remove {shown(path)!r} is not the path of a file")
    try:
        end_agent(arguments.plan)
    finally:
        _clear(arguments.empty, arguments.remove)


def _clear(empty: list[Path], remove: list[Path]) -> None:
    try:
        for path in empty:
            _empty(path)
        for path in remove:
            _remove(path)
    except OSError as error:
        raise ClientError(WORLD, f"something of the agent stays: {error}") from None


def end_agent(plan: Path) -> None:
    """Ends every process of the plan's agent; does nothing for others than root."""
    uid = read_plan(plan).agent_uid
    if os.geteuid() == 0:
        end_processes(uid)


def _empty(path: Path) -> None:
    try:
        folder = SafeFolder(path)
    except FileNotFoundError:
        return
    with closing(folder):
        folder.empty()


def _remove(path: Path) -> None:
    try:
        folder = SafeFolder(path.parent)
    except FileNotFoundError:
        return
    with closing(folder):
        folder.remove(path.name)
