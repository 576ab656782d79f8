"""The boot: root prepares folders, then everything is the service's user, s6-svscan as PID 1 too.

Nothing that this user can write is ever executed as root.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from . import profiles
from .apply import apply
from .boot_log import append_lines, line_of
from .command_wish import asked_gateways
from .home_lock import home_holder, take_home
from .ownership import Mended
from .places import OWN, boot_log
from .plan import Plan
from .prepare import CannotBoot, prepare, prepare_as_root
from .reconcile import Action, PlaceSlot, Skip, give_ports, reconcile
from .slot_spec import original_environment
from .slots import own_variables, place_main
from .user import find_owner, give_up_root

# Two services a slot; a plan has room for 2000. Beyond it s6 2.13 starts nothing at all.
MAX_SERVICES = 8000
# How an engine or a terminal ends a container.
STOPPING = (signal.SIGTERM, signal.SIGINT)
# What the slots' scripts find the runtime by.
SUPERVISOR_VARIABLE = b"MOORING_SUPERVISOR"
# In the scandir: empty when this tree has the home, else who has it.
HOME_STATE = f"{OWN}/home"


def boot(plan: Plan, argv: list[str]) -> NoReturn:
    """Every start of the container. `argv`: its own command, to be run beside the gateways."""
    for number in STOPPING:
        signal.signal(number, lambda given, _: os._exit(128 + given))
    # The entry script has them wait, for PID 1 loses what it does not handle.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    environment = original_environment()
    folder = os.getcwd()
    os.umask(0o022)
    if os.geteuid() == 0:
        owner = find_owner(plan.user)
        _report_mended(plan, prepare_as_root(plan, owner))
        give_up_root(owner)
        environment.update(_user_variables(plan))
    for problem in prepare(plan):
        say(problem)
    asked = _bring_up(plan, argv)
    if argv and asked is None:
        place_main(plan, argv, folder)
    _start_tree(plan, environment)


def say(line: str) -> None:
    """A line of the container's own output."""
    sys.stdout.write(f"mooring-boot: {line}\n")
    sys.stdout.flush()


def _report_mended(plan: Plan, mended: Mended) -> None:
    if mended.count:
        say(f"{plan.home}: {mended.count} files and folders now belong to {plan.user}")
    if mended.failed:
        say(f"{plan.home}: {mended.failed} files or folders could not be looked at or changed")


def _user_variables(plan: Plan) -> dict[bytes, bytes]:
    """The container's were root's."""
    own = own_variables(plan)
    return {os.fsencode(name): os.fsencode(value) for name, value in own.items()}


def _bring_up(plan: Plan, argv: list[str]) -> list[str] | None:
    """Places the slots, if the home is free. Returns the gateways that `argv` asks for."""
    held = take_home(plan.home)
    _write_home_state(plan, "" if held else home_holder(plan.home))
    if not held:
        say(f"no gateways: {plan.home} is supervised by {home_holder(plan.home)}")
        _log(plan, [f"action=none reason=home-held-by-another host={os.uname().nodename}"])
        return asked_gateways(plan, argv, {})
    profiles.sweep_trash(plan)
    actions, asked = decide(plan, argv)
    done, failed = apply(plan, actions)
    _log(plan, [line_of(each) for each in done])
    for line in [*failed, *(line_of(each) for each in done if isinstance(each, Skip))]:
        say(line)
    started = sum(isinstance(each, PlaceSlot) and each.wanted for each in done)
    placed = sum(isinstance(each, PlaceSlot) for each in done)
    say(f"{placed} gateways, {started} of them started")
    return asked


def decide(plan: Plan, argv: list[str]) -> tuple[list[Action], list[str] | None]:
    """The boot's actions, and the gateways that the container's command asks for."""
    seen = profiles.look_at_home(plan)
    usable = [each for each in seen if not each.problem]
    ports = {name: port for name, port in give_ports(plan, usable).items() if port is not None}
    asked = asked_gateways(plan, argv, ports)
    created = profiles.read_created(plan)
    entries = frozenset(_entries(plan.scandir))
    return reconcile(plan, seen, created, entries, frozenset(asked or ())), asked


def _entries(scandir: str) -> list[str]:
    try:
        return [name for name in os.listdir(scandir) if not name.startswith(".")]
    except OSError:
        return []


def dry_run(plan: Plan, argv: list[str]) -> None:
    """Prints what a boot would do, and does nothing."""
    actions, asked = decide(plan, argv)
    for action in actions:
        sys.stdout.write(f"{action}\n")
    if argv and asked is None:
        sys.stdout.write(f"run beside: {' '.join(argv)}\n")


def _write_home_state(plan: Plan, text: str) -> None:
    with open(f"{plan.scandir}/{HOME_STATE}", "w", encoding="utf-8") as file:
        file.write(text)


def _log(plan: Plan, lines: list[str]) -> None:
    try:
        append_lines(boot_log(plan), lines)
    except OSError as error:
        say(f"{boot_log(plan)}: {error.strerror}")


def _start_tree(plan: Plan, environment: dict[bytes, bytes]) -> NoReturn:
    # The folder of this part of the runtime, wherever the image has it.
    environment[SUPERVISOR_VARIABLE] = os.fsencode(os.path.dirname(os.path.realpath(__file__)))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.chdir("/")
    argv = ["s6-svscan", "-c", str(MAX_SERVICES), plan.scandir]
    # One that comes between here and s6-svscan's own handlers, a millisecond, is lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    for number in signal.sigpending() & set(STOPPING):
        os._exit(128 + number)
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        raise CannotBoot(f"s6-svscan cannot be run: {error.strerror}") from error
