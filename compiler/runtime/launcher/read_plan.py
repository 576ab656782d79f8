"""JSON -> Plan: refused whole on anything missing, unknown, of another type or another version."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from .errors import LaunchError
from .plan import (
    Argv,
    File,
    Hole,
    Mode,
    Network,
    Plan,
    ProbeSite,
    Process,
    Readiness,
    Reference,
    Secret,
    Tong,
    Word,
)

PLAN_VERSION = 1
MOST_SECONDS = 864000.0
T = TypeVar("T")

_PLAN = frozenset(
    {"plan_version", "name", "networks", "tongs", "probe", "anvil", "files", "warnings"}
)
_TONG = frozenset(
    {"name", "lifecycle", "container", "image", "config_hash", "run", "process", "connect", "join"}
    | {"leave", "depends_on", "readiness", "secrets", "deliver", "told", "volumes", "aliases"}
    | {"networks", "layer", "source", "untrusted", "definition"}
)
_READINESS = {
    Mode.NONE: frozenset({"mode"}),
    Mode.TCP: frozenset({"mode", "host", "port", "seconds", "probe"}),
    Mode.HEALTHCHECK: frozenset({"mode", "command", "seconds", "probe"}),
}


def read_plan(path: str) -> Plan:
    """The plan in the file at `path`."""
    try:
        with open(path, encoding="utf-8") as file:
            return decode_plan(json.load(file, object_pairs_hook=_unique))
    except OSError as error:
        raise LaunchError(f"cannot read the plan {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise LaunchError(f"the plan {path} is no JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LaunchError("the plan: a key stands twice in one object")
    return found


def decode_plan(value: Any) -> Plan:
    """The typed plan of decoded JSON; LaunchError names the key that is not as agreed."""
    # Before all else: another version may differ in everything.
    version = value.get("plan_version") if isinstance(value, dict) else None
    if version != PLAN_VERSION or isinstance(version, bool):
        raise LaunchError(f"the plan: plan_version is {version!r}, expected {PLAN_VERSION}")
    fields = _object(value, "the plan", _PLAN)
    tongs = _list(fields["tongs"], "tongs", _tong)
    _check_order(tongs)
    return Plan(
        name=_text(fields["name"], "name"),
        networks=_list(fields["networks"], "networks", _network),
        tongs=tongs,
        probe=_optional(fields["probe"], "probe", _probe),
        anvil=_optional(fields["anvil"], "anvil", _anvil),
        files=_list(fields["files"], "files", _file),
        warnings=_list(fields["warnings"], "warnings", _text),
    )


def _check_order(tongs: tuple[Tong, ...]) -> None:
    seen: set[str] = set()
    for tong in tongs:
        if tong.name in seen:
            raise LaunchError(f"tongs: {tong.name} stands twice")
        missing = sorted(set(tong.depends_on) - seen)
        if missing:
            raise LaunchError(f"tongs: {tong.name} stands before {', '.join(missing)}")
        seen.add(tong.name)


def _network(value: Any, where: str) -> Network:
    fields = _object(value, where, frozenset({"name", "owned", "existing"}))
    return Network(
        name=_word(fields["name"], f"{where}.name"),
        owned=_truth(fields["owned"], f"{where}.owned"),
        existing=_truth(fields["existing"], f"{where}.existing"),
    )


def _tong(value: Any, where: str) -> Tong:
    fields = _object(value, where, _TONG)
    get = fields.__getitem__
    return Tong(
        name=_text(get("name"), f"{where}.name"),
        shared=_one_of(get("lifecycle"), f"{where}.lifecycle", ("session", "shared")) == "shared",
        container=_word(get("container"), f"{where}.container"),
        image=_text(get("image"), f"{where}.image"),
        config_hash=_text(get("config_hash"), f"{where}.config_hash"),
        run=_argv(get("run"), f"{where}.run"),
        process=_process(get("process"), f"{where}.process"),
        connect=_list(get("connect"), f"{where}.connect", _argv),
        join=_optional(get("join"), f"{where}.join", _argv),
        leave=_optional(get("leave"), f"{where}.leave", _argv),
        depends_on=_list(get("depends_on"), f"{where}.depends_on", _text),
        readiness=_readiness(get("readiness"), f"{where}.readiness"),
        secrets=_list(get("secrets"), f"{where}.secrets", _secret),
        deliver=_optional(get("deliver"), f"{where}.deliver", _argv),
        told=_optional(get("told"), f"{where}.told", _argv),
        untrusted=_truth(get("untrusted"), f"{where}.untrusted"),
        source=_text(get("source"), f"{where}.source"),
        definition=_mapping(get("definition"), f"{where}.definition"),
    )


def _process(value: Any, where: str) -> Process:
    fields = _object(value, where, frozenset({"inspect", "words"}))
    return Process(
        inspect=_optional(fields["inspect"], f"{where}.inspect", _argv),
        words=_list(fields["words"], f"{where}.words", _text),
    )


def _readiness(value: Any, where: str) -> Readiness:
    mode = Mode(_one_of(_mapping(value, where).get("mode"), f"{where}.mode", _MODES))
    fields = _object(value, where, _READINESS[mode])
    if mode is Mode.NONE:
        return Readiness(mode)
    seconds = _seconds(fields["seconds"], f"{where}.seconds")
    if mode is Mode.TCP:
        return Readiness(
            mode,
            host=_text(fields["host"], f"{where}.host"),
            port=_port(fields["port"], f"{where}.port"),
            seconds=seconds,
        )
    command = _optional(fields["command"], f"{where}.command", _texts)
    probe = _argv(fields["probe"], f"{where}.probe") if command is not None else ()
    return Readiness(mode, check=probe, seconds=seconds)


_MODES = tuple(mode.value for mode in Mode)


def _secret(value: Any, where: str) -> Secret:
    fields = _object(value, where, frozenset({"variable", "parts"}))
    variable = _text(fields["variable"], f"{where}.variable")
    # It becomes text for a shell.
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        raise LaunchError(f"{where}.variable: {variable!r} is not a name of a variable")
    return Secret(variable, _list(fields["parts"], f"{where}.parts", _part))


def _part(value: Any, where: str) -> str | Reference:
    if isinstance(value, dict) and "text" in value:
        return _text(_object(value, where, frozenset({"text"}))["text"], where)
    fields = _object(value, where, frozenset({"provider", "reference", "from"}))
    return Reference(
        _text(fields["provider"], f"{where}.provider"),
        _text(fields["reference"], f"{where}.reference"),
    )


def _probe(value: Any, where: str) -> ProbeSite:
    fields = _object(value, where, frozenset({"container", "network", "image", "run"}))
    return ProbeSite(
        container=_word(fields["container"], f"{where}.container"),
        network=_word(fields["network"], f"{where}.network"),
        image=_text(fields["image"], f"{where}.image"),
    )


def _anvil(value: Any, where: str) -> Argv:
    fields = _object(value, where, frozenset({"argv", "image"}))
    return _argv(fields["argv"], f"{where}.argv")


def _file(value: Any, where: str) -> File:
    fields = _object(value, where, frozenset({"name", "content"}))
    name = _text(fields["name"], f"{where}.name")
    if name in ("", ".", "..") or "/" in name:
        raise LaunchError(f"{where}.name: {name!r} is not the name of a file")
    return File(name, _text(fields["content"], f"{where}.content"))


def _argv(value: Any, where: str) -> Argv:
    words = _list(value, where, _word)
    if not words or words[0] != ("docker",):
        raise LaunchError(f"{where}: expected an argv that starts with docker")
    return words


def _word(value: Any, where: str) -> Word:
    if isinstance(value, str):
        return (_text(value, where),)
    return _list(value, where, _piece)


def _piece(value: Any, where: str) -> str | Hole:
    if isinstance(value, str):
        return _text(value, where)
    name = _object(value, where, frozenset({"hole"}))["hole"]
    return Hole(_one_of(name, f"{where}.hole", tuple(hole.value for hole in Hole)))


def _object(value: Any, where: str, names: frozenset[str]) -> dict[str, Any]:
    fields = _mapping(value, where)
    missing, unknown = sorted(names - fields.keys()), sorted(fields.keys() - names)
    if missing or unknown:
        problem = "missing" if missing else "unknown"
        raise LaunchError(f"{where}: {problem} {', '.join(missing or unknown)}")
    return fields


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LaunchError(f"{where}: expected an object")
    return value


def _optional(value: Any, where: str, item: Callable[[Any, str], T]) -> T | None:
    return None if value is None else item(value, where)


def _list(value: Any, where: str, item: Callable[[Any, str], T]) -> tuple[T, ...]:
    if not isinstance(value, list):
        raise LaunchError(f"{where}: expected a list")
    return tuple(item(each, f"{where}[{index}]") for index, each in enumerate(value))


def _texts(value: Any, where: str) -> tuple[str, ...]:
    return _list(value, where, _text)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise LaunchError(f"{where}: expected a string without NUL")
    return value


def _one_of(value: Any, where: str, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise LaunchError(f"{where}: {value!r} is none of {', '.join(allowed)}")
    return value


def _truth(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise LaunchError(f"{where}: expected true or false")
    return value


def _port(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise LaunchError(f"{where}: expected a port")
    return value


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise LaunchError(f"{where}: expected seconds")
    if not 0 < value <= MOST_SECONDS:
        raise LaunchError(f"{where}: expected more than 0 and at most {MOST_SECONDS:g} seconds")
    return float(value)
