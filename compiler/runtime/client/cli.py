"""The command line: a table of commands, one exit code for each way to end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import evaluate, reward, status
from .errors import USAGE, WORLD, ClientError
from .plan import DEFAULT
from .text import shown

COMMANDS = (evaluate, status, reward)
_DESCRIPTION = """\
The workbench's command. Improve the files in the repository, commit, and have commits evaluated.
"""
_EPILOG = """\
exit codes:
  0  done
  2  the command line is wrong
  3  the machinery failed, or the evaluation is invalid: not the commit's fault, no score
  4  refused: budget spent, no access, session over, or a commit that cannot be used

`mooring COMMAND --help` explains a command.
"""


def main(words: Sequence[str]) -> int:
    """Run one command; whatever a user can cause ends in a message of a few lines."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
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
    except KeyboardInterrupt:
        return 130
    return code


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
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(
        required=True, dest="command", metavar="COMMAND", title="commands"
    )
    for command in COMMANDS:
        own = commands.add_parser(
            command.NAME,
            help=command.SUMMARY,
            description=command.DESCRIPTION,
            epilog=command.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        other = "another plan than %(default)s"
        own.add_argument("--plan", type=Path, default=DEFAULT, metavar="FILE", help=other)
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    return parser
