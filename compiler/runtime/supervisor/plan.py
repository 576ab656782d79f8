"""The supervisor's plan: typed, complete, and refused whole when anything in it is not as agreed.

schemas/runtime/supervisor-plan.schema.json says the same for readers; a test holds them together.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any, Callable, Optional

from .names import PROFILE_NAME

PLAN_VERSION = 1
MAX_PORTS = 2000
MAX_DEATHS = 32
NOTIFY_FDS = range(3, 9)
# The descriptor of readiness where the gateway itself does not write to it.
OWN_FD = 3

Environment = dict[str, Optional[str]]


class PlanError(Exception):
    """The plan is not usable; the message names the key."""


@dataclass(frozen=True)
class Declared:
    """A profile that the first boot creates; `port` is what others were told."""

    name: str
    start: bool
    port: int
    env: Environment


@dataclass(frozen=True)
class Readiness:
    """`kind` is tcp, notify or none; `fd` is where readiness is written."""

    kind: str
    fd: int = OWN_FD


@dataclass(frozen=True)
class Crash:
    """When a gateway is given up: `deaths` within `window` seconds. `max_backoff` is in seconds."""

    deaths: int
    window: float
    max_backoff: float


@dataclass(frozen=True)
class Plan:
    """What may be run, as whom and where. `stop_timeout` is in seconds; `ports` holds both ends.

    A variable of an environment that is None is taken away.
    """

    user: str
    home: str
    scandir: str
    marker: str
    command: tuple[str, ...]
    env: Environment
    profiles: tuple[Declared, ...]
    ports: tuple[int, int]
    readiness: Readiness
    crash: Crash
    stop_timeout: float

    def declared(self, name: str) -> Declared | None:
        """The declaration of that profile, if there is one."""
        return next((each for each in self.profiles if each.name == name), None)


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


_FIELDS = frozenset(
    {"plan_version", "service", "user", "home", "scandir", "marker", "command", "env"}
    | {"profiles", "ports", "readiness", "crash", "stop_timeout"}
)


def decode_plan(value: Any) -> Plan:
    """Typed plan of decoded JSON; PlanError on anything missing, unknown or of another type."""
    fields = _object(value, "the plan", _FIELDS)
    if fields["plan_version"] != PLAN_VERSION or isinstance(fields["plan_version"], bool):
        raise PlanError(f"plan_version: expected {PLAN_VERSION}")
    if fields["service"] != "gateways":
        raise PlanError("service: expected gateways")
    return Plan(
        user=_user(fields["user"]),
        home=_path(fields["home"], "home"),
        scandir=_path(fields["scandir"], "scandir"),
        marker=_marker(fields["marker"]),
        command=_words(fields["command"], "command"),
        env=_environment(fields["env"], "env"),
        profiles=_profiles(fields["profiles"]),
        ports=_ports(fields["ports"]),
        readiness=_readiness(fields["readiness"]),
        crash=_crash(fields["crash"]),
        stop_timeout=_number(fields["stop_timeout"], "stop_timeout", 0, 3600, zero=False),
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


def _number(value: Any, where: str, low: float, high: float, *, zero: bool) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (value == 0 and not zero):
        edge = "from" if zero else "above"
        raise PlanError(f"{where}: expected seconds {edge} {low:g} to {high:g}")
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


def _list(value: Any, where: str, item: Callable[[Any, str], Any]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise PlanError(f"{where}: expected a list")
    return tuple(item(each, f"{where}[{index}]") for index, each in enumerate(value))


def _words(value: Any, where: str) -> tuple[str, ...]:
    words = _list(value, where, _text)
    if not words or not words[0]:
        raise PlanError(f"{where}: expected a list of words whose first is a program")
    return words


def _user(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", value):
        raise PlanError("user: expected the name of a user")
    if value == "root":
        raise PlanError("user: gateways never run as root")
    return value


def _marker(value: Any) -> str:
    name = _text(value, "marker")
    if "/" in name or name in ("", ".", "..") or len(name) > 255 or name.startswith(".mooring"):
        raise PlanError("marker: expected the name of a file")
    return name


def _environment(value: Any, where: str) -> Environment:
    if not isinstance(value, dict):
        raise PlanError(f"{where}: expected an object")
    for name, text in value.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise PlanError(f"{where}: {name!r} is not a name of a variable")
        if text is not None:
            _text(text, f"{where}.{name}")
    return value


def _profiles(value: Any) -> tuple[Declared, ...]:
    profiles = _list(value, "profiles", _profile)
    for what in ("name", "port"):
        seen = [getattr(each, what) for each in profiles]
        if len(set(seen)) != len(seen):
            raise PlanError(f"profiles: a {what} stands twice")
    return profiles


def _profile(value: Any, where: str) -> Declared:
    fields = _object(value, where, frozenset({"name", "start", "port", "env"}))
    name = _text(fields["name"], f"{where}.name")
    if not PROFILE_NAME.fullmatch(name):
        raise PlanError(f"{where}.name: not a name of a profile")
    if not isinstance(fields["start"], bool):
        raise PlanError(f"{where}.start: expected true or false")
    return Declared(
        name=name,
        start=fields["start"],
        port=_integer(fields["port"], f"{where}.port", 1, 65535),
        env=_environment(fields["env"], f"{where}.env"),
    )


def _ports(value: Any) -> tuple[int, int]:
    fields = _object(value, "ports", frozenset({"first", "last"}))
    first, last = (_integer(fields[key], f"ports.{key}", 1, 65535) for key in ("first", "last"))
    if not first <= last < first + MAX_PORTS:
        raise PlanError(f"ports: expected 1 to {MAX_PORTS} ports")
    return first, last


def _readiness(value: Any) -> Readiness:
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "notify":
        fields = _object(value, "readiness", frozenset({"kind", "fd"}))
        low, high = NOTIFY_FDS[0], NOTIFY_FDS[-1]
        return Readiness(kind=kind, fd=_integer(fields["fd"], "readiness.fd", low, high))
    if kind not in ("tcp", "none"):
        raise PlanError("readiness.kind: expected tcp, notify or none")
    _object(value, "readiness", frozenset({"kind"}))
    return Readiness(kind=kind)


def _crash(value: Any) -> Crash:
    fields = _object(value, "crash", frozenset({"deaths", "window", "max_backoff"}))
    return Crash(
        deaths=_integer(fields["deaths"], "crash.deaths", 1, MAX_DEATHS),
        window=_number(fields["window"], "crash.window", 0, 86400, zero=False),
        max_backoff=_number(fields["max_backoff"], "crash.max_backoff", 0, 3600, zero=True),
    )
