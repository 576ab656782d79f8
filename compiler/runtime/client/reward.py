"""`mooring reward`: end the agent's leftovers, fetch the finished evaluation, write the reward.

Either the file holds exactly the evaluator's rewards, or there is no reward file and the exit code
says so: a missing reward is an error of the trial, a made-up one would be a score.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from .api import Answered, Evaluator, Unreachable, find_evaluator
from .dismiss import end_agent
from .errors import USAGE, WORLD, ClientError
from .safe_file import SafeFolder
from .text import shown

NAME = "reward"
SUMMARY = "write the reward file (for the verifier; root)"
DESCRIPTION = """\
For tests/test.sh, run by root after the agent's time. Ends every process of the agent, fetches the
evaluator's finished evaluation and writes its rewards. Where there are none it leaves no reward
file and ends with 3. Of no use to the agent: before the end there is nothing to fetch.
"""
EXAMPLES = """\
example:
  mooring reward --out /logs/verifier/reward.json
"""
PAUSES = (0.25, 0.5, 1.0, 2.0, 2.0, 2.0)
# Whatever Harbor would read as a reward; the agent may have left one.
_FORGERIES = ("reward.json", "reward.txt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write")


def run(arguments: argparse.Namespace) -> None:
    out: Path = arguments.out
    if out.name in ("", ".", ".."):
        raise ClientError(USAGE, f"--out {shown(out)!r} is not the name of a file")
    try:
        with closing(SafeFolder(out.parent)) as folder:
            _fill(folder, out.name, arguments.plan)
    except OSError as error:
        raise ClientError(WORLD, f"the reward cannot be written: {error}") from None


def _fill(folder: SafeFolder, name: str, plan: Path) -> None:
    """Write the file, or leave no reward at all, whatever the agent had put there."""
    try:
        end_agent(plan)
        _clear(folder, name)
        rewards = rewards_of(_fetch(find_evaluator()))
        folder.write(name, (json.dumps(rewards, allow_nan=False) + "\n").encode())
    except BaseException:
        _clear(folder, name)
        raise
    print(f"{shown(name)}: {shown(json.dumps(rewards))}")


def _clear(folder: SafeFolder, name: str) -> None:
    for found in dict.fromkeys((name, *_FORGERIES)):
        folder.remove(found)


def _fetch(evaluator: Evaluator) -> dict[str, Any]:
    """The finalization; an evaluator that cannot be reached is tried again for some seconds."""
    for pause in PAUSES:
        found = _try(evaluator)
        if isinstance(found, dict):
            return found
        time.sleep(pause)
    last = _try(evaluator)
    if isinstance(last, Unreachable):
        raise last
    return last


def _try(evaluator: Evaluator) -> dict[str, Any] | Unreachable:
    try:
        return evaluator.get("/finalization")
    except Unreachable as error:
        return error
    except Answered as error:
        raise ClientError(WORLD, f"there is no finalization: {error.message}") from None


def rewards_of(finalization: dict[str, Any]) -> dict[str, float]:
    """The rewards, if the evaluation ended with any; all of them finite numbers."""
    rewards = finalization.get("rewards")
    if rewards is None:
        problem = finalization.get("problem") or "the evaluator gave no reason"
        raise ClientError(WORLD, f"the evaluation has no rewards: {problem}")
    if not isinstance(rewards, dict) or not rewards or not all(map(_is_number, rewards.values())):
        raise ClientError(WORLD, "the evaluator's rewards are not finite numbers by name")
    return rewards


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, int) or math.isfinite(value)
