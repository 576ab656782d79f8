"""The command group; each command's module is imported when it is called."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from compiler.edge.world import Refused, WorldError

DONE: Final = 0
DRIFT: Final = 1
WRONG_INPUT: Final = 2
WORLD_FAILED: Final = 3
REFUSED: Final = 4

_COMMANDS: Final = {
    "init": "Write a starter project.",
    "compile": "Write the artifacts, or hold them against their source with --check.",
    "check": "Check a build file and all that it names; write nothing.",
    "plan": "Show services, variables, mounts, trust and timeouts; write nothing.",
    "diff": "Show what `compile` would change, as a unified diff.",
    "run": "Compile to a temporary folder and run the task under Harbor.",
    "launch": "Run a harness with its tongs around it.",
    "tongs": "Look at tongs, and remove them.",
    "session": "Show what a trial's session left behind.",
    "explain": "Print the page of a diagnostic's code.",
    "schema": "Print the JSON Schema of the build file.",
    "completion": "Print the completion script of a shell.",
}


class _ReaderGone(Exception):
    """Whoever read our output has stopped."""


class _LazyGroup(click.Group):
    """A group that imports the module of a command only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"compiler.cli.{name}_command").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            # Click would end with code 1, which means drift.
            raise _ReaderGone from error
        return result

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from compiler.diagnostics.suggest import suggest_name

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = suggest_name(args[0], _COMMANDS)
            hint = (
                f" Did you mean `{near}`?"
                if near
                else f" The commands are: {', '.join(_COMMANDS)}."
            )
            raise click.UsageError(f"No such command `{args[0]}`.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done or no drift, 1 drift, 2 wrong input or command line, "
    "3 the world failed (git, docker, disk, network), 4 refused.",
)
@click.version_option(package_name="mooring", message="mooring %(version)s")
def group() -> None:
    """Compile build.yaml into a Harbor task: checked in, reviewed, and held against its source."""


def run() -> NoReturn:
    """Run the command line; no traceback for what a user or the world can cause."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP: leave it so
            signal.signal(number, _end_on_signal)
    try:
        code = _run()
    except (_ReaderGone, BrokenPipeError):
        code = _leave_quietly()
    sys.exit(code)


def _run() -> int:
    try:
        return group.main(prog_name="mooring", standalone_mode=False) or DONE
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return WRONG_INPUT
    except (click.Abort, KeyboardInterrupt):
        return _complain("interrupted", 128 + signal.SIGINT)
    except Refused as refused:
        return _complain(str(refused), REFUSED)
    except WorldError as error:
        return _complain(str(error), WORLD_FAILED)


def _leave_quietly() -> int:
    """Nobody reads any more: what is still buffered must not be tried again at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return 128 + signal.SIGPIPE


def _complain(sentence: str, code: int) -> int:
    click.echo(f"mooring: {sentence}", err=True)
    return code


def _end_on_signal(number: int, _: object) -> NoReturn:
    # An exit and not the default death: what is half written is cleared on the way out.
    sys.exit(128 + number)
