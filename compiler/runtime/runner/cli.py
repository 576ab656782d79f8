"""The runner's commands. 0 done, 2 wrong plan or command line, 3 the world does not allow it."""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys

from . import frames
from .daemon import serve
from .plan import Plan, PlanError, read_plan
from .system import WorldError

PING_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Runs one command; all output goes to standard error."""
    options = _parser().parse_args(arguments)
    try:
        plan = read_plan(options.plan)
        (serve if options.command == "serve" else ping)(plan)
    except PlanError as error:
        return _fail(f"{options.plan}: {error}", 2)
    except (WorldError, OSError) as error:
        return _fail(str(error), 3)
    return 0


def ping(plan: Plan) -> None:
    """Asks the daemon whether it is there."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as client:
        client.settimeout(PING_SECONDS)
        client.connect(plan.socket)
        client.sendall(frames.encode_frame({"op": "ping"}))
        try:
            answer, _ = frames.read_frame(client.recv, 0)
        except frames.FrameError as error:
            raise WorldError(f"{plan.socket}: {error}") from error
    if answer.get("ok") is not True or answer.get("protocol") != frames.PROTOCOL:
        raise WorldError(f"{plan.socket}: the daemon speaks another protocol")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mooring", description="The box of candidate code.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (("serve", "run the daemon"), ("ping", "ask whether the daemon answers")):
        command = commands.add_parser(name, help=about)
        command.add_argument("--plan", default="/opt/mooring/plan.json", metavar="PATH")
    return parser


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"runner: {' '.join(message.split())}\n")
    return code
