"""What is wrong with the tongs of a build."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from compiler import contracts
from compiler.checks.tong import check_tong, overlap
from compiler.checks.tong_set import check_reserved, check_tong_set
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Bare, Build
from compiler.ir.tong import Lifecycle, Tong

# Where main has something of its own.
_OF_MAIN = ("/work", "/logs", "/tests", "/solution", contracts.OPT, contracts.COMMAND)


def check_sidecars(
    build: Build, tongs: Sequence[Tong], names: Collection[str]
) -> Iterator[Diagnostic]:
    """MOR503 to MOR517: each tong, all of them together, and what the build lets them have.

    ``names`` are those of all definitions, also of those whose shape is not right.
    """
    for tong in tongs:
        yield from check_tong(tong)
        if tong.has_socket and not build.sidecars.allow_socket:
            yield diagnostic("MOR517", tong.places.value("mounts"), name=tong.name)
    yield from check_tong_set(tongs, names)
    yield from check_reserved(tongs, _service_names(build, tongs))
    if not isinstance(build, Bare):
        yield from _check_in_task(tongs)


def check_uses(build: Build) -> Iterator[Diagnostic]:
    """MOR520: tongs that nobody uses, or an anvil that uses none; MOR128."""
    sidecars = build.sidecars
    if sidecars.sources and sidecars.anvil is None and isinstance(build, Bare):
        place = build.places.key("tongs")
        why, hint = (
            "there is neither a task nor an anvil",
            "add `anvil`, or `agent_repo` and `mode`",
        )
        yield diagnostic("MOR520", place, key="tongs", why=why, hint=hint)
    if build.gateways is None and sidecars.anvil is not None and not sidecars.sources:
        place, hint = build.places.key("anvil"), "name at least one tong under `tongs`"
        yield diagnostic("MOR520", place, key="anvil", why="there are no tongs", hint=hint)
    if sidecars.allow_socket and not sidecars.sources:
        place = build.places.key("allow_docker_socket")
        yield diagnostic("MOR128", place, key="allow_docker_socket", why="there are no tongs")
    anvil = sidecars.anvil
    if anvil is not None and anvil.network in contracts.NOT_JOINED:
        yield diagnostic("MOR515", build.places.value("anvil", "network"), network=anvil.network)


def _service_names(build: Build, tongs: Sequence[Tong]) -> tuple[str, ...]:
    services = (*contracts.SERVICES, contracts.GATEWAYS, contracts.ANVIL)
    own = [
        name
        for t in tongs
        for name in (contracts.tong_service(t.name), contracts.tong_gate(t.name))
    ]
    return (*services, *own)


def _check_in_task(tongs: Sequence[Tong]) -> Iterator[Diagnostic]:
    """MOR514: what shared means here; MOR506: a volume over what main has."""
    for tong in tongs:
        if tong.lifecycle is Lifecycle.SHARED:
            yield diagnostic("MOR514", tong.places.value("lifecycle"), name=tong.name)
        point = tong.interface.mountpoint
        other = next((p for p in _OF_MAIN if point and overlap(point, p)), None)
        if point and other:
            place = tong.places.value("interface", "mountpoint")
            problem = f"main, which mounts the volume, too, has something of its own at {other}"
            yield diagnostic("MOR506", place, value=point, problem=problem)
