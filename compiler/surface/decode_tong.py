"""Document -> TongEntry, once the schema has found its shape right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from compiler import resources
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.source.document import Document
from compiler.surface.duration import parse_duration
from compiler.surface.memory import parse_memory
from compiler.surface.plainly_valid import is_plainly_valid
from compiler.surface.schema_check import check_schema
from compiler.surface.tong_file import (
    DisabledTong,
    InterfaceEntry,
    ReadinessEntry,
    TongEntry,
    TongFile,
)

type Found = tuple[Diagnostic, ...]
type _Data = dict[str, Any]

_UNKNOWN: Final = "MOR110"
_NEVER: Final[_Data] = {"enum": []}
# Of a kind that may have whatever a definition may have.
_STAND_INS: Final[_Data] = {
    "lifecycle": "session",
    "image": "image",
    "interface": {"kind": "port", "port": 1},
}


def decode_tong(document: Document, name: str, *, strict: bool) -> tuple[TongEntry | None, Found]:
    """The definition, or None with all that is wrong with its shape.

    A key that nobody knows is an error when ``strict``, else a warning: a later version may.
    """
    found = check_schema(document, "tong")
    if not strict:
        found = tuple(_tolerated(d) for d in found)
    if any(d.severity == "error" for d in found):
        return None, found
    data = document.data
    if data.get("disable"):
        return DisabledTong(places=document.places, name=name), found
    seconds, late = _decode_amount(document, ("readiness", "timeout"), parse_duration, "duration")
    memory, large = _decode_amount(document, ("resources", "memory"), parse_memory, "amount")
    found = (*found, *late, *large)
    if late or large:
        return None, found
    return _decode(document, name, seconds, memory), found


def recover_tong(document: Document, name: str) -> TongFile | None:
    """What is right in a definition whose shape is not, with stand-ins for what each one needs: to
    look for what else is wrong with it, and for nothing else. None where there is nothing to see.
    """
    if not isinstance(document.data, dict) or document.data.get("disable"):
        return None
    schema = resources.schema("tong")
    right = {
        key: value
        for key, value in document.data.items()
        if is_plainly_valid(value, schema["properties"].get(key, _NEVER), schema["$defs"])
    }
    return _decode(replace(document, data={**_STAND_INS, **right}), name, None, None)


def _tolerated(found: Diagnostic) -> Diagnostic:
    return replace(found, code="MOR502") if found.code == _UNKNOWN else found


def _decode_amount(
    document: Document, path: tuple[str, str], parse: Any, what: str
) -> tuple[Any, Found]:
    value = document.data.get(path[0], {}).get(path[1])
    if value is None:
        return None, ()
    try:
        return parse(value), ()
    except ValueError as error:
        problem = f"`{value}` is not a usable {what}: {error}"
        hint = "write 30s, 500ms or 2m" if what == "duration" else "write 512m or 2g"
        return None, (
            diagnostic("MOR115", document.places.value(*path), problem=problem, hint=hint),
        )


def _decode(document: Document, name: str, seconds: float | None, memory: int | None) -> TongFile:
    data = document.data
    resources, readiness = data.get("resources", {}), data.get("readiness", {})
    return TongFile(
        places=document.places,
        name=name,
        description=data.get("description"),
        lifecycle=data["lifecycle"],
        image=data["image"],
        env=_decode_variables(document),
        interface=_decode_interface(data["interface"]),
        aliases=_names(data, "aliases"),
        readiness=ReadinessEntry(
            mode=readiness.get("mode"), command=_argv(readiness, "command"), seconds=seconds
        ),
        mounts=_names(data, "mounts"),
        memory=memory,
        cpus=resources.get("cpus"),
        pids=resources.get("pids"),
        gpus=resources.get("gpus"),
        networks=_names(data, "networks"),
        entrypoint=_argv(data, "entrypoint"),
        command=_argv(data, "command"),
        depends_on=_names(data, "depends_on"),
        user=None if data.get("user") is None else _text_at(document, ("user",), data["user"]),
        read_only=data.get("read_only", False),
        cap_drop=_names(data, "cap_drop"),
        cap_add=_names(data, "cap_add"),
    )


def _decode_interface(entry: _Data) -> InterfaceEntry:
    return InterfaceEntry(
        kind=entry["kind"],
        port=entry.get("port"),
        name=entry.get("name"),
        transport=entry.get("transport"),
        path=entry.get("path"),
        protocol=entry.get("protocol"),
        volume=entry.get("volume"),
        mountpoint=entry.get("mountpoint"),
    )


def _names(data: _Data, key: str) -> tuple[str, ...]:
    return tuple(data.get(key, ()))


def _argv(data: _Data, key: str) -> tuple[str, ...] | None:
    return tuple(data[key]) if key in data else None


def _decode_variables(document: Document) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, _text_at(document, ("env", name), value))
        for name, value in document.data.get("env", {}).items()
    )


def _text_at(document: Document, path: tuple[str, ...], value: Any) -> str:
    """Numbers as they are written: 3.10 is a version to whoever writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else document.plain.get(path, str(value))
