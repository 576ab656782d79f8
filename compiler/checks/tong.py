"""What is wrong with a tong taken alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler import contracts
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.ir.tong import Lifecycle, ReadinessMode, Tong, VolumeMount
from compiler.source.document import Path
from compiler.surface.secret_reference import has_reference

_SHELL: Final = "/bin/sh"
# Folders that are links to others in most images.
_LINKS: Final = (("/var/run", "/run"), ("/bin", "/usr/bin"))


def check_tong(tong: Tong) -> Iterator[Diagnostic]:
    """MOR503: a key of another interface; MOR504: a readiness that says nothing; MOR128; and the
    rules below."""
    yield from _check_readiness(tong)
    if tong.aliases and not tong.interface.on_network:
        kind = tong.interface.kind.value
        yield diagnostic("MOR503", tong.places.key("aliases"), key="aliases", kind=kind)
    yield from _check_targets(tong)
    yield from _check_shared(tong)
    yield from _check_networks(tong)
    yield from _check_references(tong)


def _check_readiness(tong: Tong) -> Iterator[Diagnostic]:
    mode, places = tong.readiness.mode, tong.places
    if mode is ReadinessMode.TCP and not tong.interface.on_network:
        place = places.value("readiness", "mode")
        yield diagnostic("MOR503", place, key="readiness.mode: tcp", kind=tong.interface.kind.value)
    if mode is ReadinessMode.NONE and not places.has("readiness", "mode"):
        place = places.key("interface", "kind")
        yield diagnostic("MOR504", place, name=tong.name, kind=tong.interface.kind.value)
    why = f"the readiness mode is `{mode.value}`"
    if mode is not ReadinessMode.HEALTHCHECK and tong.readiness.command is not None:
        place = places.key("readiness", "command")
        yield diagnostic("MOR128", place, key="readiness.command", why=why)
    if mode is ReadinessMode.NONE and places.has("readiness", "timeout"):
        place = places.key("readiness", "timeout")
        yield diagnostic("MOR128", place, key="readiness.timeout", why=why)


def _check_targets(tong: Tong) -> Iterator[Diagnostic]:
    """MOR506: a place that is another's."""
    taken = [(contracts.TONG_RUN, "secrets come through it")]
    if tong.has_secrets:
        taken.append((_SHELL, "a tong with secrets starts with it"))
    if not tong.has_socket:
        taken.append((contracts.DOCKER_SOCKET, "it is the place of docker's socket"))
    for place, target in _targets(tong):
        for other, why in taken:
            if overlap(target, other):
                problem = why if target == other else f"it overlaps with {other}: {why}"
                yield diagnostic("MOR506", place, value=target, problem=problem)
                break
        taken.append((target, "it is the place of another mount"))


def _targets(tong: Tong) -> Iterator[tuple[Span, str]]:
    for i, mount in enumerate(tong.mounts):
        yield tong.places.value("mounts", i), mount.target
    interface = tong.interface
    # The volume that the interface offers may be among the mounts.
    mounted = {(m.volume, m.target) for m in tong.mounts if isinstance(m, VolumeMount)}
    if interface.mountpoint and (interface.volume, interface.mountpoint) not in mounted:
        yield tong.places.value("interface", "mountpoint"), interface.mountpoint


def overlap(one: str, other: str) -> bool:
    """True where one of the places lies in the other, or is it, in most images."""
    a, b = f"{_resolved(one)}/", f"{_resolved(other)}/"
    return a.startswith(b) or b.startswith(a)


def _resolved(path: str) -> str:
    for link, target in _LINKS:
        if f"{path}/".startswith(f"{link}/"):
            return target + path[len(link) :]
    return path


def _check_shared(tong: Tong) -> Iterator[Diagnostic]:
    """MOR513: the workspace of one session in what others use."""
    if tong.lifecycle is Lifecycle.SHARED and tong.mounts_workspace:
        problem = "mount the workspace: it serves the sessions of others, too"
        yield diagnostic("MOR513", tong.places.value("lifecycle"), problem=problem)


def _check_networks(tong: Tong) -> Iterator[Diagnostic]:
    for i, name in enumerate(tong.networks):
        if name in contracts.NOT_JOINED:
            yield diagnostic("MOR515", tong.places.value("networks", i), network=name)


def _check_references(tong: Tong) -> Iterator[Diagnostic]:
    """MOR508: a reference outside `env`."""
    problem = "it is filled in under `env` alone"
    for path, text in _texts(tong):
        if has_reference(text):
            yield diagnostic("MOR508", tong.places.value(*path), problem=problem, value=text)


def _texts(tong: Tong) -> Iterator[tuple[Path, str]]:
    """Every text of a definition that is free in form, but for `env`."""
    yield ("description",), tong.description
    yield ("interface", "protocol"), tong.interface.protocol or ""
    for key in ("entrypoint", "command", "depends_on"):
        for i, text in enumerate(getattr(tong, key) or ()):
            yield (key, i), text
    for i, text in enumerate(tong.readiness.command or ()):
        yield ("readiness", "command", i), text
