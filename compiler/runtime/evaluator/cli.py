"""The evaluator's commands: `serve`, `health`, `finalize`. The last two use the standard library
alone.

Exit codes: 0 done, 2 wrong use or plan, 3 not healthy, or finalised without a reward.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .fields import PlanError
from .plan import PlanA, PlanB, read_plan

DEFAULT_PLAN = Path("/opt/mooring/plan.json")
HEALTH_SECONDS = 10.0
REACH_SECONDS = 60.0
MOST_HOLD = 3600
_PAUSE = 0.5
_COMMANDS = {
    "serve": "run the evaluator",
    "health": "say whether the running evaluator is healthy",
    "finalize": "seal the session, select, score the targets, and wait for the end of it",
}
_HOLD = "when it has been found healthy before: answer after so long, or as soon as it is not"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="mooring", description="The evaluator of a Mooring task.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in _COMMANDS.items():
        command = commands.add_parser(name, help=about)
        command.add_argument("--plan", type=Path, default=DEFAULT_PLAN, metavar="PATH")
        if name == "health":
            command.add_argument("--hold", type=_seconds, default=0, metavar="SECONDS", help=_HOLD)
    options = parser.parse_args(arguments)
    try:
        plan = read_plan(options.plan)
    except PlanError as error:
        print(f"mooring: {error}", file=sys.stderr)
        return 2
    if options.command == "health":
        return _health(plan, options.hold)
    return {"serve": _serve, "finalize": _finalize}[options.command](plan)


def _seconds(text: str) -> int:
    """Of one request, which may not last for ever."""
    seconds = int(text)
    if not 0 <= seconds <= MOST_HOLD:
        raise argparse.ArgumentTypeError(f"expected 0 to {MOST_HOLD} seconds")
    return seconds


def _serve(plan: PlanA | PlanB) -> int:
    from .serve import serve  # the framework, which the other commands do not have

    return serve(plan)


class _Unix(http.client.HTTPConnection):
    """HTTP on the control socket."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _ask(
    plan: PlanA | PlanB, method: str, target: str, timeout: float | None
) -> tuple[int, dict[str, object]]:
    """Status and document that the control socket answers."""
    connection = _Unix(plan.paths.admin / "control.sock", timeout)
    try:
        connection.request(method, target)
        response = connection.getresponse()
        value = json.loads(response.read())
        return response.status, value if isinstance(value, dict) else {}
    finally:
        connection.close()


def _health(plan: PlanA | PlanB, hold: int) -> int:
    """The control socket tells causes; the public port is tried as well, since that is what others
    use. Only an evaluator that answers now is asked to hold an answer.
    """
    try:
        status, document = _ask(plan, "GET", "/health", HEALTH_SECONDS)
        if status == 200 and hold:
            _try_port(plan)
            status, document = _ask(plan, "GET", f"/health?hold={hold}", hold + HEALTH_SECONDS)
        if status == 200:
            _try_port(plan)
            return 0
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"unhealthy: the evaluator does not answer: {error}", file=sys.stderr)
        return 3
    problems = document.get("problems")
    for problem in problems if isinstance(problems, list) else [str(document)]:
        print(f"unhealthy: {problem}", file=sys.stderr)
    return 3


def _try_port(plan: PlanA | PlanB) -> None:
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(plan.listen.host, plan.listen.host)
    socket.create_connection((loopback, plan.listen.port), timeout=HEALTH_SECONDS).close()


def _finalize(plan: PlanA | PlanB) -> int:
    """Asks until an answer comes: an evaluator that restarts in between resumes where it was."""
    deadline = time.monotonic() + REACH_SECONDS
    while True:
        try:
            status, document = _ask(plan, "POST", "/finalize", None)
            if not _is_stopping(document):
                return _report(status, document)
            problem = "it is stopping"
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = str(error)
        if time.monotonic() > deadline:
            print(f"mooring: the evaluator does not answer: {problem}", file=sys.stderr)
            return 3
        time.sleep(_PAUSE)


def _is_stopping(document: dict[str, object]) -> bool:
    error = document.get("error")
    return isinstance(error, dict) and error.get("code") == "stopping"


def _report(status: int, document: dict[str, object]) -> int:
    """Prints the outcome in a few lines."""
    if status != 200:
        print(f"mooring: not finalised: {json.dumps(document)}", file=sys.stderr)
        return 3
    selection = document.get("selection")
    chosen = selection.get("chosen") if isinstance(selection, dict) else None
    if isinstance(chosen, dict):
        print(f"chosen: {chosen.get('commit')} ({chosen.get('why')})")
    if not isinstance(document.get("rewards"), dict):
        print(f"no reward: {document.get('problem')}", file=sys.stderr)
        return 3
    print(f"rewards: {json.dumps(document['rewards'])}")
    return 0
