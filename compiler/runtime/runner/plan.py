"""The runner's plan: typed, complete, and refused whole when anything in it is not as agreed.

schemas/runtime/runner-plan.schema.json says the same for readers; a test holds the two together.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .frames import MAX_BODY

PLAN_VERSION = 1
# User ids below belong to people and services of an image; above, the kernel has special ones.
MIN_UID = 10000
MAX_UID = 2**31 - 2**16
MAX_SLOTS = 256
MAX_TAIL = 1024 * 1024
# They are the sample's own folder, which changes with the slot.
OWN_VARIABLES = frozenset({"HOME", "TMPDIR"})


class PlanError(Exception):
    """The plan is not usable; the message names the key."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one sample or setup (`tree_bytes`: of one candidate, before and after its setup):
    bytes, and counts per user id.
    """

    output_bytes: int
    stderr_bytes: int
    file_bytes: int
    processes: int
    open_files: int
    tree_bytes: int


@dataclass(frozen=True)
class Plan:
    """What the daemon may do and where. Timeouts are in seconds.

    `secrets` are names; the daemon adds their values to `environment` when it starts. With
    `sessions` a client holds a session with a candidate's agent instead of giving it a sample:
    `command` is then the process that loads the agent's class, within `sample_timeout`.
    """

    socket: str
    candidates: str
    slots: tuple[str, ...]
    uid_base: int
    command: tuple[str, ...]
    sample_timeout: float
    setup: tuple[str, ...] | None
    setup_timeout: float
    scratch: tuple[str, ...]
    environment: dict[str, str]
    secrets: tuple[str, ...]
    limits: Limits
    sessions: bool = False


def read_plan(path: str) -> Plan:
    """The plan in the file at `path`."""
    try:
        with open(path, encoding="utf-8") as file:
            return decode_plan(json.load(file, object_pairs_hook=_unique))
    except (OSError, ValueError, RecursionError) as error:
        raise PlanError(f"cannot be read: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PlanError("a key stands twice in one object")
    return found


def decode_plan(value: Any) -> Plan:
    """Typed plan of decoded JSON; PlanError on anything missing, unknown or of another type."""
    sessions = isinstance(value, dict) and "mode" in value
    fields = _object(value, "the plan", _FIELDS | (_AGENT_FIELDS if sessions else _SAMPLE_FIELDS))
    if fields["plan_version"] != PLAN_VERSION or isinstance(fields["plan_version"], bool):
        raise PlanError(f"plan_version: expected {PLAN_VERSION}")
    if fields["service"] != "runner":
        raise PlanError("service: expected runner")
    if sessions and fields["mode"] != "B":
        raise PlanError("mode: expected B")
    slots = _paths(fields["slots"], "slots")
    if not 1 <= len(slots) <= MAX_SLOTS:
        raise PlanError(f"slots: expected 1 to {MAX_SLOTS} folders")
    environment = _environment(fields["environment"])
    secrets = _secrets(fields["secrets"], environment)
    command, timeout = _agent(fields["agent"], secrets) if sessions else _sample(fields)
    return Plan(
        socket=_path(fields["socket"], "socket"),
        candidates=_path(fields["candidates"], "candidates"),
        slots=slots,
        uid_base=_integer(fields["uid_base"], "uid_base", MIN_UID, MAX_UID),
        command=command,
        sample_timeout=timeout,
        setup=None if fields["setup"] is None else _words(fields["setup"], "setup"),
        setup_timeout=_seconds(fields["setup_timeout"], "setup_timeout"),
        scratch=_paths(fields["scratch"], "scratch"),
        environment=environment,
        secrets=secrets,
        limits=_limits(fields["limits"]),
        sessions=sessions,
    )


_FIELDS = frozenset(
    {"plan_version", "service", "socket", "candidates", "slots", "uid_base", "setup"}
    | {"setup_timeout", "scratch", "environment", "secrets", "limits"}
)
_SAMPLE_FIELDS = frozenset({"command", "sample_timeout"})
_AGENT_FIELDS = frozenset({"mode", "agent"})
# The part of the runtime beside this one that loads an agent's class.
_AGENT_PART = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "agent")
_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
# Smallest and largest value of each limit.
_LIMITS: dict[str, tuple[int, int]] = {
    "output_bytes": (1, MAX_BODY),
    "stderr_bytes": (0, MAX_TAIL),
    "file_bytes": (1, 2**50),
    "processes": (1, 2**22),
    "open_files": (8, 2**20),
    "tree_bytes": (1, 2**50),
}


def _sample(fields: dict[str, Any]) -> tuple[tuple[str, ...], float]:
    return (
        _words(fields["command"], "command"),
        _seconds(fields["sample_timeout"], "sample_timeout"),
    )


def _agent(value: Any, secrets: tuple[str, ...]) -> tuple[tuple[str, ...], float]:
    """The command and the seconds of a session. The process is told which of its variables are
    secrets: what it reports must not show them.
    """
    names = frozenset({"import_path", "python", "session_timeout"})
    fields = _object(value, "agent", names)
    python = _path(fields["python"], "agent.python")
    name = _text(fields["import_path"], "agent.import_path")
    if not _CLASS.fullmatch(name):
        raise PlanError("agent.import_path: expected package.module:Class")
    seconds = _seconds(fields["session_timeout"], "agent.session_timeout")
    return (python, "-I", "-B", _AGENT_PART, "{workspace}", name, *secrets), seconds


def _limits(value: Any) -> Limits:
    fields = _object(value, "limits", frozenset(_LIMITS))
    return Limits(
        **{
            name: _integer(fields[name], f"limits.{name}", low, high)
            for name, (low, high) in _LIMITS.items()
        }
    )


def _object(value: Any, where: str, names: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PlanError(f"{where}: expected an object")
    missing, unknown = sorted(names - value.keys()), sorted(value.keys() - names)
    if missing or unknown:
        problem = "missing" if missing else "unknown"
        raise PlanError(f"{where}: {problem} {', '.join(missing or unknown)}")
    return value


def _integer(value: Any, where: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PlanError(f"{where}: expected an integer from {low} to {high}")
    return value


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 864000:
        raise PlanError(f"{where}: expected more than 0 and at most 864000 seconds")
    return float(value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise PlanError(f"{where}: expected a string without NUL")
    return value


def _path(value: Any, where: str) -> str:
    path = _text(value, where)
    if not path.startswith("/") or path.startswith("//") or os.path.normpath(path) != path:
        raise PlanError(f"{where}: expected an absolute path in its shortest form, not {path!r}")
    if path == "/":
        raise PlanError(f"{where}: expected a folder below the root")
    return path


def _list(value: Any, where: str, item: Callable[[Any, str], str]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise PlanError(f"{where}: expected a list")
    return tuple(item(each, f"{where}[{index}]") for index, each in enumerate(value))


def _paths(value: Any, where: str) -> tuple[str, ...]:
    paths = _list(value, where, _path)
    if len(set(paths)) != len(paths):
        raise PlanError(f"{where}: a folder stands twice")
    return paths


def _words(value: Any, where: str) -> tuple[str, ...]:
    words = _list(value, where, _text)
    if not words or not words[0]:
        raise PlanError(f"{where}: expected a list of words whose first is a program")
    return words


def _environment(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise PlanError("environment: expected an object")
    for name, text in value.items():
        _variable(name, "environment")
        _text(text, f"environment.{name}")
    return value


def _secrets(value: Any, environment: dict[str, str]) -> tuple[str, ...]:
    names = _list(value, "secrets", _variable)
    if len(set(names)) != len(names):
        raise PlanError("secrets: a name stands twice")
    taken = sorted(environment.keys() & set(names))
    if taken:
        raise PlanError(f"secrets: {', '.join(taken)} is in the environment as well")
    return names


def _variable(value: Any, where: str) -> str:
    name = _text(value, where)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise PlanError(f"{where}: {name!r} is not a name of a variable")
    if name in OWN_VARIABLES:
        raise PlanError(f"{where}: {name} is set by the runner")
    return name
