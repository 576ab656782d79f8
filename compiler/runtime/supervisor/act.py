"""The commands: each does one thing, prints it, and answers with an exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from typing import Any, Callable

from . import profiles
from .errors import WORLD, CommandError
from .gateway import Begun, await_ready, await_stopped, begin_restart, begin_start, begin_stop
from .gateway_exec import Unable, become_gateway, take_profile
from .logs import Follower, tail_log
from .manager import commands_lock, find_manager, give_port, need_profile, need_tree
from .names import ROOT_PROFILE
from .places import profile_folder
from .plan import Plan
from .profile_commands import create_profile, delete_profile, list_all
from .slots import make_spec
from .status import Status
from .status_view import View, duration, find_ills, manager_line, view
from .text import table

FOLLOW_PAUSE = 0.1


def chosen(plan: Plan, options: argparse.Namespace) -> list[str]:
    """The profiles that the command is about."""
    if getattr(options, "all", False):
        if hasattr(options, "profile"):
            raise _usage("-p and --all exclude each other")
        return profiles.list_profiles(plan)
    return [getattr(options, "profile", ROOT_PROFILE)]


def _usage(message: str) -> CommandError:
    error = CommandError(message)
    error.code = 2
    error.kind = "usage"
    return error


def _wants_json(options: argparse.Namespace) -> bool:
    return getattr(options, "json", False)


def note(line: str) -> None:
    """Progress; standard output is for results."""
    print(line, file=sys.stderr, flush=True)


def start(plan: Plan, options: argparse.Namespace) -> int:
    """`gateway start`."""
    return _bring_up(plan, options, begin_start)


def restart(plan: Plan, options: argparse.Namespace) -> int:
    """`gateway restart`."""
    return _bring_up(plan, options, begin_restart)


def _bring_up(plan: Plan, options: argparse.Namespace, begin: Callable[[Plan, str], Begun]) -> int:
    """All are told before any is waited for."""
    names = chosen(plan, options)
    for name in names:
        need_profile(plan, name)
    need_tree(plan)
    begun = [begin(plan, name) for name in names]
    results: list[dict[str, Any]] = []
    problems: list[CommandError] = []
    for each in begun:
        try:
            status = await_ready(plan, each, options.timeout, note)
        except CommandError as error:
            problems.append(error)
            results.append({"profile": each.name, "outcome": error.kind, **error.facts})
            continue
        results.append(_ready(plan, each.name, status))
        if not _wants_json(options):
            print(_ready_line(results[-1]))
    return _finish(options, results, problems)


def _ready(plan: Plan, name: str, status: Status) -> dict[str, Any]:
    port = profiles.read_port(profile_folder(plan, name))
    return {"profile": name, "outcome": "ready", "pid": status.pid, "port": port}


def _ready_line(result: dict[str, Any]) -> str:
    return f"{result['profile']}: ready (pid {result['pid']}, port {result['port']})"


def _finish(
    options: argparse.Namespace, results: list[dict[str, Any]], problems: list[CommandError]
) -> int:
    if _wants_json(options):
        print(json.dumps(results, indent=2))
    for error in problems:
        sys.stdout.flush()
        note(f"mooring: {error.message}")
        if error.hint:
            note(f"  {error.hint}")
    return max((error.code for error in problems), default=0)


def stop(plan: Plan, options: argparse.Namespace) -> int:
    """`gateway stop`."""
    names = chosen(plan, options)
    for name in names:
        need_profile(plan, name)
    need_tree(plan)
    told = [(name, begin_stop(plan, name)) for name in names]
    results: list[dict[str, Any]] = []
    problems: list[CommandError] = []
    for name, problem in told:
        try:
            await_stopped(plan, name)
        except CommandError as error:
            problem = error
        outcome = "stopped" if problem is None else problem.kind
        results.append({"profile": name, "outcome": outcome})
        if problem is not None:
            problems.append(problem)
        elif not _wants_json(options):
            print(f"{name}: stopped")
    return _finish(options, results, problems)


def status(plan: Plan, options: argparse.Namespace) -> int:
    """`gateway status`: all profiles, unless one is named."""
    named: str | None = getattr(options, "profile", None)
    if named is not None:
        need_profile(plan, named)
    manager = find_manager(plan)
    names = [named] if named is not None else profiles.list_profiles(plan)
    views = [view(plan, name, supervised=not manager.reason) for name in names]
    if _wants_json(options):
        gateways = [each.as_json() for each in views]
        found = {"manager": manager.kind, "problem": manager.reason or None, "gateways": gateways}
        print(json.dumps(found, indent=2))
        return 0
    print(manager_line(manager))
    if manager.reason:
        print(f"  {manager.reason}; {manager.hint}")
    print("\n".join(table([HEADING, *map(_row, views)])))
    return 0


HEADING = ("PROFILE", "STATE", "WANTED", "READY", "PID", "UPTIME", "LAST EXIT", "PORT")


def _row(each: View) -> tuple[str, ...]:
    return (
        each.profile,
        each.state,
        "yes" if each.wanted else "no",
        "yes" if each.ready else "no",
        str(each.pid or "-"),
        duration(each.uptime),
        each.last_exit,
        str(each.port or "-"),
    )


def logs(plan: Plan, options: argparse.Namespace) -> int:
    """`gateway logs`."""
    names = chosen(plan, options)
    for name in names:
        need_profile(plan, name)
    several = len(names) > 1
    with contextlib.ExitStack() as stack:
        # Opened first: nothing that is written meanwhile is missed.
        followers = [(name, Follower(plan, name)) for name in names if options.follow]
        for _, follower in followers:
            stack.callback(follower.close)
        for name in names:
            _print_lines(name, tail_log(plan, name, options.lines), several)
        while followers:
            for name, follower in followers:
                _print_lines(name, follower.read(), several)
            sys.stdout.flush()
            time.sleep(FOLLOW_PAUSE)
    return 0


def _print_lines(name: str, lines: list[str], several: bool) -> None:
    for line in lines:
        print(f"[{name}] {line}" if several else line)


def run(plan: Plan, options: argparse.Namespace) -> int:
    """`gateway run`: the gateway takes the place of this process."""
    name = getattr(options, "profile", ROOT_PROFILE)
    need_profile(plan, name)
    if find_manager(plan).kind.startswith("s6"):
        raise CommandError(
            f"{name}: gateways are supervised here", f"use `mooring gateway start -p {name}`"
        )
    with commands_lock(plan):
        spec = make_spec(plan, name, give_port(plan, name))
    try:
        take_profile(spec)
        become_gateway(spec, announce=False)
    except Unable as unable:
        raise CommandError(f"{name}: {unable}") from unable


def install(plan: Plan, options: argparse.Namespace) -> int:
    """`gateway install`."""
    print("Nothing to install: the container's supervisor runs the gateways.")
    print("`mooring gateway start` starts one, and every boot starts it again.")
    return 0


def uninstall(plan: Plan, options: argparse.Namespace) -> int:
    """`gateway uninstall`."""
    print("Nothing to uninstall: the container's supervisor runs the gateways.")
    print("`mooring gateway stop` stops one for good; `mooring profile delete` removes it.")
    return 0


def create(plan: Plan, options: argparse.Namespace) -> int:
    """`profile create`."""
    made = create_profile(plan, options.name, start=options.start)
    result: dict[str, Any] = {
        "profile": made.name, "port": made.port, "registered": made.registered
    }  # fmt: skip
    if not _wants_json(options):
        where = "" if made.registered else "; no supervisor runs here, the next boot registers it"
        print(f"{made.name}: created (port {made.port}){where}")
    if options.start and made.registered:
        ready = await_ready(plan, begin_start(plan, made.name), options.timeout, note)
        result.update(_ready(plan, made.name, ready))
        if not _wants_json(options):
            print(_ready_line(result))
    if _wants_json(options):
        print(json.dumps(result, indent=2))
    return 0


def delete(plan: Plan, options: argparse.Namespace) -> int:
    """`profile delete`."""
    delete_profile(plan, options.name, keep_data=options.keep_data)
    kept = f"; its folder stays at {profile_folder(plan, options.name)}"
    if _wants_json(options):
        print(json.dumps({"profile": options.name, "deleted": True, "kept": options.keep_data}))
    else:
        print(f"{options.name}: deleted{kept if options.keep_data else ''}")
    return 0


def list_profiles(plan: Plan, options: argparse.Namespace) -> int:
    """`profile list`."""
    rows = list_all(plan)
    if _wants_json(options):
        print(json.dumps(rows, indent=2))
        return 0
    cells = [
        (row["profile"], "yes" if row["wanted"] else "no", str(row["port"] or "-")) for row in rows
    ]
    print("\n".join(table([("PROFILE", "WANTED", "PORT"), *cells])))
    return 0


def health(plan: Plan, options: argparse.Namespace) -> int:
    """`health`."""
    ills = find_ills(plan)
    if _wants_json(options):
        print(json.dumps({"healthy": not ills, "problems": ills}, indent=2))
    else:
        print("\n".join(ills) if ills else "healthy")
    return WORLD if ills else 0
