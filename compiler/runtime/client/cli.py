"""The command line: a table of commands, one exit code for each way to end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import cancel, dismiss, evaluate, guide, results, reward, status, submit, wait_job
from .errors import USAGE, WORLD, ClientError, Stopped
from .plan import DEFAULT
from .text import shown

# Those of the optimiser; each can answer in JSON.
COMMANDS = (evaluate, wait_job, status, results, submit, cancel)
# Those of the harness, which runs them as root once the optimiser is done.
HARNESS = (dismiss, reward)


def main(words: Sequence[str]) -> int:
    """Run one command; whatever a user can cause ends in a message of a few lines."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads our output has enough of it.
        _give_up_output()
        return 0
    except OSError as error:
        _give_up_output()
        return _complain(ClientError(WORLD, str(error)))
    except KeyboardInterrupt as stop:
        return _complain(_interrupted(stop))
    return code


def _stop(number: int, _: object) -> NoReturn:
    raise Stopped(number)


def _interrupted(stop: KeyboardInterrupt) -> ClientError:
    number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
    return ClientError(
        128 + number, "interrupted", "`mooring status` shows whether an evaluation was begun."
    )


def _give_up_output() -> None:
    """What is still buffered cannot be written; the interpreter must not try again at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: Sequence[str]) -> int:
    parser = _parser()
    if not words:
        parser.print_help(sys.stderr)
        return USAGE
    arguments = parser.parse_args(words)
    try:
        arguments.run(arguments)
    except ClientError as error:
        if getattr(arguments, "json", False):
            print(json.dumps(error.as_json(), indent=2))
        return _complain(error)
    return 0


def _complain(error: ClientError) -> int:
    sys.stdout.flush()
    print(f"mooring: {shown(error.message)}", file=sys.stderr)
    if error.hint:
        print(f"  {shown(error.hint)}", file=sys.stderr)
    return error.code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where help is; no wall of usage."""

    def error(self, message: str) -> NoReturn:
        text = f"mooring: {shown(message)}\n  `{self.prog} --help` shows how it is used.\n"
        self.exit(USAGE, text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mooring",
        usage="mooring COMMAND [OPTION...]",
        description=guide.DESCRIPTION,
        epilog=guide.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(
        required=True, dest="command", metavar="COMMAND", title="commands", prog="mooring"
    )
    for command in (*COMMANDS, *HARNESS):
        own = commands.add_parser(
            command.NAME,
            help=command.SUMMARY,
            description=command.DESCRIPTION,
            epilog=command.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(own)
        _add_common(own, json_too=command in COMMANDS)
        own.set_defaults(run=command.run)
    return parser


def _add_common(parser: argparse.ArgumentParser, *, json_too: bool) -> None:
    if json_too:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
    other = "another plan than %(default)s"
    parser.add_argument("--plan", type=Path, default=DEFAULT, metavar="FILE", help=other)
