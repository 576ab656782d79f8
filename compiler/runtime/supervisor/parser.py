"""The words of the command line. Options may stand before, between and after the sub-commands."""

from __future__ import annotations

import argparse
from typing import Any, Callable, NoReturn, TypeVar

from . import act
from .errors import USAGE
from .names import ROOT_PROFILE

DESCRIPTION = """Gateways: one long-running process for each profile of this container's home,
supervised by s6. What you start is started again by every boot; what you stop stays stopped."""
EPILOG = """examples:
  mooring profile create coder --start
  mooring gateway status
  mooring -p coder gateway restart
  mooring gateway logs -p coder -f
"""
# Seconds that a start waits. A crash loop ends sooner by itself.
START_SECONDS = 120.0


Number = TypeVar("Number", int, float)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where help is; no wall of usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"mooring: {message}\n  `{self.prog} --help` shows how it is used.\n")


def make_parser() -> argparse.ArgumentParser:
    """All commands."""
    parser = Parser(
        prog="mooring",
        usage="mooring COMMAND [OPTION...]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        parents=[_common()],
    )
    groups = parser.add_subparsers(
        required=True, metavar="COMMAND", title="commands", prog="mooring"
    )
    _add_gateway(_group(groups, "gateway", "start, stop and watch gateways"))
    _add_profile(_group(groups, "profile", "make and delete profiles"))
    health = _command(groups, "health", "0 when every wanted gateway is ready, else 3", act.health)
    health.set_defaults(prog="mooring health")
    return parser


def _common() -> argparse.ArgumentParser:
    """Options that may stand anywhere: what is left out must not undo what stood before."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "-p", "--profile", metavar="NAME", help=f"the profile (default: {ROOT_PROFILE})"
    )
    common.add_argument("--json", action="store_true", help="print JSON")
    return common


def _group(groups: Any, name: str, about: str) -> Any:
    parser = groups.add_parser(
        name, help=about, description=about, parents=[_common()], allow_abbrev=False
    )
    return parser.add_subparsers(
        required=True, metavar="COMMAND", title="commands", prog=f"mooring {name}"
    )


def _command(group: Any, name: str, about: str, run: Callable[..., int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(
        name, help=about, description=about, parents=[_common()], allow_abbrev=False
    )
    parser.set_defaults(run=run)
    return parser


def _add_gateway(group: Any) -> None:
    for name, about, run in (
        ("start", "start it, and wait until it is ready or has given up", act.start),
        ("stop", "stop it, and wait until it is down", act.stop),
        ("restart", "restart it, or start it when it is down", act.restart),
    ):
        command = _command(group, name, about, run)
        _add_all(command)
        if run is not act.stop:
            command.add_argument(
                "--timeout", type=_seconds, default=START_SECONDS, metavar="SECONDS",
                help="how long to wait until it is ready (default: %(default)g)",
            )  # fmt: skip
    _add_all(_command(group, "status", "what runs, and what is wanted", act.status))
    logs = _command(group, "logs", "the last lines of its log", act.logs)
    _add_all(logs)
    logs.add_argument("-n", "--lines", type=_count, default=50, metavar="COUNT")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    _command(group, "run", "run it in the foreground, where no supervisor runs", act.run)
    _command(group, "install", "not needed here; says what to use instead", act.install)
    _command(group, "uninstall", "not needed here; says what to use instead", act.uninstall)


def _add_profile(group: Any) -> None:
    create = _command(group, "create", "make a profile; its gateway is not started", act.create)
    create.add_argument("name", metavar="NAME")
    create.add_argument("--start", action="store_true", help="start its gateway, too")
    create.add_argument("--timeout", type=_seconds, default=START_SECONDS, metavar="SECONDS",
                        help=argparse.SUPPRESS)  # fmt: skip
    delete = _command(group, "delete", "stop its gateway and remove its folder", act.delete)
    delete.add_argument("name", metavar="NAME")
    delete.add_argument(
        "--keep-data", action="store_true", help="leave the folder; create brings it back"
    )
    _command(group, "list", "all profiles", act.list_profiles)


def _add_all(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all", action="store_true", default=argparse.SUPPRESS, help="all profiles"
    )


def _seconds(text: str) -> float:
    return _between(text, float, 0.001, 86400)


def _count(text: str) -> int:
    return _between(text, int, 0, 100000)


def _between(text: str, read: Callable[[str], Number], low: float, high: float) -> Number:
    problem = argparse.ArgumentTypeError(f"expected a number from {low:g} to {high:g}")
    try:
        value = read(text)
    except ValueError as error:
        raise problem from error
    if not low <= value <= high:
        raise problem
    return value
