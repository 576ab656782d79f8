"""How a launch ends: messages on standard error and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .engine import Engine
from .errors import OWN_FAILURE, LaunchError, Stopped
from .launch import Options, launch
from .plan import Plan
from .text import say, shown


def run_launch(engine: Engine, plan: Plan, options: Options) -> int:
    """The harness's own exit code; 125 when the launch failed, 128+n after signal n."""
    try:
        for warning in plan.warnings:
            options.say(f"warning: {warning}")
        return launch(engine, plan, options)
    except Stopped as stopped:
        say("interrupted")
        return 128 + stopped.number
    except LaunchError as error:
        tell(error)
        return OWN_FAILURE


def tell(error: LaunchError) -> None:
    """The message, what a container or the engine said last, and what to do."""
    say(error.message)
    for line in error.lines:
        print(f"    {shown(line)}", file=sys.stderr)
    if error.hint:
        print(f"  {shown(error.hint)}", file=sys.stderr, flush=True)


def become(argv: Sequence[str]) -> NoReturn:
    """This process becomes the harness's client: nothing of a launch is left to do."""
    try:
        os.execvp(argv[0], list(argv))
    except OSError as error:
        tell(LaunchError(f"cannot run {argv[0]}: {error.strerror}"))
        sys.exit(OWN_FAILURE)
