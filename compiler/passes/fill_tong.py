"""TongFile -> Tong: every default, and the values that mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from compiler import contracts
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.tong import (
    Bounds,
    Interface,
    Kind,
    Layer,
    Lifecycle,
    Mount,
    Readiness,
    ReadinessMode,
    SecretReference,
    SocketMount,
    Tong,
    Value,
    VolumeMount,
    WorkspaceMount,
)
from compiler.surface.gpus import parse_gpus
from compiler.surface.mount import SOCKET, VOLUME, MountSpec, normal_target, parse_mount
from compiler.surface.secret_reference import parse_value
from compiler.surface.tong_file import InterfaceEntry, ReadinessEntry, TongFile

MCP_PATH: Final = "/mcp"
READY_SECONDS: Final = 30.0

type Found = list[Diagnostic]


def fill_tong(file: TongFile, layer: Layer) -> tuple[Tong, tuple[Diagnostic, ...]]:
    """The complete tong, without the values that mean nothing, and these."""
    found: Found = []
    interface = _fill_interface(file, found)
    tong = Tong(
        name=file.name,
        description=(file.description or "").strip(),
        lifecycle=Lifecycle(file.lifecycle),
        image=file.image,
        environment=tuple(_fill_environment(file, found)),
        interface=interface,
        aliases=file.aliases,
        readiness=readiness_settings(interface.kind, file.readiness),
        mounts=tuple(_fill_mounts(file, found)),
        resources=Bounds(
            memory=file.memory,
            cpus=file.cpus,
            pids=file.pids,
            gpus=_read(file, ("resources", "gpus"), "MOR507", parse_gpus, file.gpus, found),
        ),
        networks=file.networks,
        entrypoint=file.entrypoint,
        command=file.command,
        depends_on=file.depends_on,
        user=file.user,
        read_only=file.read_only,
        cap_drop=file.cap_drop,
        cap_add=file.cap_add,
        layer=layer,
        places=file.places,
    )
    return tong, tuple(found)


def readiness_settings(kind: Kind, written: ReadinessEntry) -> Readiness:
    """The mode, the command and the seconds of a kind, where they are not written."""
    answers = kind in (Kind.MCP, Kind.PORT)
    default = ReadinessMode.TCP if answers else ReadinessMode.NONE
    return Readiness(
        mode=ReadinessMode(written.mode) if written.mode else default,
        command=written.command,
        seconds=READY_SECONDS if written.seconds is None else written.seconds,
    )


def _read(
    file: TongFile,
    path: tuple[str | int, ...],
    code: str,
    parse: Callable[[Any], Any],
    value: Any,
    found: Found,
) -> Any:
    if value is None:
        return None
    try:
        return parse(value)
    except ValueError as error:
        place = file.places.value(*path)
        found.append(diagnostic(code, place, value=str(value), problem=str(error)))
        return None


def _fill_interface(file: TongFile, found: Found) -> Interface:
    entry, kind = file.interface, Kind(file.interface.kind)
    found.extend(_refuse_foreign(file, entry, kind))
    point = _read(
        file, ("interface", "mountpoint"), "MOR506", normal_target, entry.mountpoint, found
    )
    return Interface(
        kind=kind,
        port=entry.port,
        name=entry.name,
        path=(entry.path or MCP_PATH) if kind is Kind.MCP else None,
        protocol=entry.protocol,
        volume=entry.volume,
        mountpoint=point,
    )


_KEYS: Final = {
    Kind.MCP: ("port", "name", "transport", "path"),
    Kind.PORT: ("port", "protocol"),
    Kind.VOLUME: ("volume", "mountpoint"),
    Kind.NONE: (),
}


def _refuse_foreign(file: TongFile, entry: InterfaceEntry, kind: Kind) -> Iterator[Diagnostic]:
    for key in ("port", "name", "transport", "path", "protocol", "volume", "mountpoint"):
        if getattr(entry, key) is not None and key not in _KEYS[kind]:
            place = file.places.key("interface", key)
            yield diagnostic("MOR503", place, key=f"interface.{key}", kind=kind.value)


def _fill_environment(file: TongFile, found: Found) -> Iterator[tuple[str, Value]]:
    for name, text in file.env:
        parsed = _read(file, ("env", name), "MOR508", parse_value, text, found)
        yield (
            name,
            tuple(
                SecretReference(provider=part[0], reference=part[1])
                if isinstance(part, tuple)
                else part
                for part in parsed or ()
            ),
        )


def _fill_mounts(file: TongFile, found: Found) -> Iterator[Mount]:
    for i, text in enumerate(file.mounts):
        spec = _read(file, ("mounts", i), "MOR505", parse_mount, text, found)
        if spec is not None:
            yield _fill_mount(spec)


def _fill_mount(spec: MountSpec) -> Mount:
    if spec.word == VOLUME and spec.volume is not None and spec.target is not None:
        return VolumeMount(volume=spec.volume, target=spec.target, read_only=spec.read_only)
    if spec.word == SOCKET:
        return SocketMount(target=contracts.DOCKER_SOCKET, read_only=spec.read_only)
    return WorkspaceMount(target=spec.target or contracts.TONG_WORKSPACE, read_only=spec.read_only)
