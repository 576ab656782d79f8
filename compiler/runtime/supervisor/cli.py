"""The command line inside the container. 0 done, 2 wrong words or names, 3 it did not work out."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from . import act, parser, s6
from .boot import boot, dry_run
from .errors import USAGE, WORLD, CommandError
from .names import ROOT_PROFILE
from .plan import Plan, PlanError, read_plan
from .prepare import CannotBoot
from .root_entry import become_service
from .shutdown import shut_down
from .slots import Stuck, free_log
from .user import NoUser

DEFAULT_PLAN = "/opt/mooring/plan.json"
# Commands after which a gateway uses its profile's folder, or nobody does.
MENDING = (act.start, act.restart, act.create, act.delete)
# Another plan than the image's, for tests.
PLAN_VARIABLE = "MOORING_GATEWAYS_PLAN"


def main(words: list[str]) -> int:
    """Runs one command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_output()
        return 0
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except OSError as error:
        _give_up_output()
        return _complain(str(error), "", WORLD)
    except (CannotBoot, NoUser, Stuck, s6.NotSupervised, s6.Foreign) as error:
        return _complain(str(error), "", WORLD)
    except PlanError as error:
        return _complain(f"{plan_path()}: {error}", "", USAGE)
    return code


def _dispatch(words: list[str]) -> int:
    """What s6 and the entry script call stands apart from what people do."""
    first = words[0] if words else ""
    if first == "shut-down":
        shut_down(words[1])
    elif first == "free-log":
        free_log(words[1])
    elif first == "boot":
        _boot(words[1:])
    else:
        return _run(words)
    return 0


def plan_path() -> str:
    """Where the plan lies."""
    return os.environ.get(PLAN_VARIABLE) or DEFAULT_PLAN


def _boot(argv: list[str]) -> None:
    plan = read_plan(plan_path())
    if argv[:1] == ["--dry-run"]:
        become_service(plan, ())
        dry_run(plan, argv[1:])
        return
    boot(plan, argv)


def _run(words: Sequence[str]) -> int:
    if not words:
        parser.make_parser().print_help(sys.stderr)
        return USAGE
    options = parser.make_parser().parse_args(words)
    plan = read_plan(plan_path())
    try:
        become_service(plan, _names_to_mend(plan, options))
        code: int = options.run(plan, options)
    except CommandError as error:
        if getattr(options, "json", False):
            print(json.dumps(error.as_json(), indent=2))
        return _complain(error.message, error.hint, error.code)
    return code


def _names_to_mend(plan: Plan, options: argparse.Namespace) -> list[str]:
    """The profiles whose folders the command is going to use."""
    if getattr(options, "all", False):
        return [ROOT_PROFILE]
    name: str = getattr(options, "name", getattr(options, "profile", ROOT_PROFILE))
    return [name] if options.run in MENDING else []


def _complain(message: str, hint: str, code: int) -> int:
    sys.stdout.flush()
    print(f"mooring: {message}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)
    return code


def _give_up_output() -> None:
    """What is still buffered cannot be written; the interpreter must not try again at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
