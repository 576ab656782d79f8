"""Tongs -> services beside main or an anvil.

Where this differs from what `docker run` gets (passes/launch), the differences are these:

| what           | here                                      | at launch                        |
| -------------- | ----------------------------------------- | -------------------------------- |
| lifetime       | that of the trial, shared ones too        | the session's, or until removed  |
| secrets        | a required variable of that service       | a FIFO, before the process       |
| workspace      | the candidates' volume                    | a folder of the host             |
| named volumes  | the trial's, under names of their own     | the engine's                     |
| readiness      | gates and healthchecks, before main       | the launcher's probes            |
| init           | the engine's: so a trial ends at once     | the image's own first process    |
| new privileges | none                                      | the engine's default             |
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from compiler import contracts
from compiler.ir.build import Resources
from compiler.ir.launch_plan import Held
from compiler.ir.task_plan import (
    Bind,
    Condition,
    FromCaller,
    Healthcheck,
    Mount,
    Network,
    Service,
    Socket,
    Trust,
    Variable,
    Volume,
)
from compiler.ir.tong import (
    Kind,
    ReadinessMode,
    SecretReference,
    SocketMount,
    Tong,
    VolumeMount,
    WorkspaceMount,
)
from compiler.ir.tong_names import canonical_alias, network_aliases
from compiler.passes.launch.definition import config_hash
from compiler.passes.launch.lower import lower_secrets
from compiler.passes.launch.readiness import TRY_PORT
from compiler.passes.launch.run_argv import mounted_volumes

_GATE_MEMORY: Final = 64 * 1024 * 1024
_GATE_PROCESSES: Final = 32
# Exit code 4 of a try: the image has nothing to try with, and what cannot be checked has failed.
_GATE: Final = """\
end=$(($(date +%s) + $4))
while :; do
    code=0
    /bin/sh -c "$5" sh "$2" "$3" || code=$?
    if [ "$code" -eq 0 ]; then exit 0; fi
    if [ "$code" -eq 4 ]; then echo "mooring: this image cannot try a port" >&2; exit 1; fi
    if [ "$(date +%s)" -ge "$end" ]; then break; fi
done
echo "mooring: the tong $1 is not ready after $4 s: nothing answers at $2:$3" >&2
exit 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where tongs are: their networks, the image of gates, and the workspace: a volume, or what the
    caller names."""

    networks: tuple[str, ...]
    gate_image: str
    workspace: str | FromCaller
    caller: str


def lower_tongs(tongs: Sequence[Tong], around: Surroundings) -> tuple[Service, ...]:
    """Each tong, and behind one whose port is tried the gate that tries it."""
    known = {tong.name: tong for tong in tongs}
    found: list[Service] = []
    for tong in tongs:
        found.append(_lower_tong(tong, known, around))
        if tong.readiness.mode is ReadinessMode.TCP:
            found.append(_lower_gate(tong, around))
    return tuple(found)


def wait_for_tongs(tongs: Sequence[Tong]) -> tuple[tuple[str, Condition], ...]:
    """What it is to wait until all of them are ready."""
    return tuple(_waiting(tong) for tong in tongs)


def lower_tong_networks(tongs: Sequence[Tong]) -> tuple[Network, ...]:
    """The networks of the engine that tongs join."""
    names = dict.fromkeys(name for tong in tongs for name in tong.networks)
    return tuple(Network(name=_outside(name), internal=False, existing=name) for name in names)


def lower_tong_volumes(tongs: Sequence[Tong]) -> tuple[Volume, ...]:
    """The volumes that tongs name."""
    mounts = (m for tong in tongs for m in mounted_volumes(tong) if isinstance(m, VolumeMount))
    names = dict.fromkeys(tong_volume(mount.volume) for mount in mounts)
    return tuple(Volume(name=name, holds=()) for name in names)


def offered_mounts(tongs: Sequence[Tong]) -> tuple[Mount, ...]:
    """The volumes that tongs offer, in whom they serve."""
    return tuple(
        Mount(volume=tong_volume(tong.interface.volume), target=tong.interface.mountpoint)
        for tong in tongs
        if tong.interface.kind is Kind.VOLUME
        and tong.interface.volume is not None
        and tong.interface.mountpoint is not None
    )


def tong_volume(name: str) -> str:
    """A volume's name in the Compose file: apart from those that are not tongs'."""
    return f"{contracts.TONG_VOLUMES}{name}"


def _outside(network: str) -> str:
    return f"outside_{network}"


def _waiting(tong: Tong) -> tuple[str, Condition]:
    if tong.readiness.mode is ReadinessMode.TCP:
        return contracts.tong_gate(tong.name), Condition.DONE
    mode = tong.readiness.mode is ReadinessMode.HEALTHCHECK
    condition = Condition.HEALTHY if mode else Condition.STARTED
    return contracts.tong_service(tong.name), condition


def _lower_tong(tong: Tong, known: dict[str, Tong], around: Surroundings) -> Service:
    sockets = [mount for mount in tong.mounts if isinstance(mount, SocketMount)]
    service = Service(
        name=contracts.tong_service(tong.name),
        role=_role(tong),
        trust=Trust.DECLARED,
        dockerfile=None,
        pulled=tong.image,
        image=(),
        networks=(*around.networks, *(_outside(name) for name in tong.networks)),
        aliases=network_aliases(tong),
        labels=(
            (contracts.LABEL_TONG, tong.name),
            (contracts.LABEL_HASH, config_hash(tong)),
        ),
        entrypoint=tong.entrypoint,
        command=tong.command,
        user=tong.user,
        gpus=tong.resources.gpus,
        environment=tuple(_lower_environment(tong, around)),
        mounts=tuple(_lower_mounts(tong, around)),
        socket=next((Socket(target=s.target, read_only=s.read_only) for s in sockets), None),
        cap_drop=tong.cap_drop,
        cap_add=tong.cap_add,
        read_only=tong.read_only,
        healthcheck=_lower_healthcheck(tong),
        resources=Resources(
            cpus=tong.resources.cpus, memory=tong.resources.memory, pids=tong.resources.pids
        ),
        depends_on=tuple(_waiting(known[name]) for name in tong.depends_on),
    )
    if isinstance(around.workspace, FromCaller):
        return replace(service, binds=tuple(_lower_binds(tong, around.workspace)))
    return service


def _role(tong: Tong) -> str:
    about = tong.description.splitlines()[0].rstrip(".") if tong.description else "a tong"
    danger = ": **root on the host, by the socket of its Docker**" if tong.has_socket else ""
    return f"{about}{danger}"


def _lower_environment(tong: Tong, around: Surroundings) -> Iterator[Variable]:
    secret = {s.variable: s.parts for s in lower_secrets(tong)}
    for name, value in tong.environment:
        parts = secret.get(name)
        if parts is None:
            text = "".join(part for part in value if not isinstance(part, SecretReference))
            yield Variable(name=name, value=text)
        else:
            yield Variable(
                name=name,
                value=tuple(
                    FromCaller(name=p.variable, of=around.caller) if isinstance(p, Held) else p
                    for p in parts
                ),
            )


def _lower_mounts(tong: Tong, around: Surroundings) -> Iterator[Mount]:
    for mount in mounted_volumes(tong):
        if isinstance(mount, VolumeMount):
            name = tong_volume(mount.volume)
            yield Mount(volume=name, target=mount.target, read_only=mount.read_only)
        elif isinstance(mount, WorkspaceMount) and isinstance(around.workspace, str):
            yield Mount(volume=around.workspace, target=mount.target, read_only=mount.read_only)


def _lower_binds(tong: Tong, workspace: FromCaller) -> Iterator[Bind]:
    for mount in tong.mounts:
        if isinstance(mount, WorkspaceMount):
            yield Bind(source=workspace, target=mount.target, read_only=mount.read_only)


def _lower_healthcheck(tong: Tong) -> Healthcheck | None:
    if tong.readiness.mode is not ReadinessMode.HEALTHCHECK:
        return None
    seconds = math.ceil(tong.readiness.seconds)
    return Healthcheck(command=tong.readiness.command, interval=1, timeout=seconds, retries=seconds)


def _lower_gate(tong: Tong, around: Surroundings) -> Service:
    seconds = math.ceil(tong.readiness.seconds)
    asked = (tong.name, canonical_alias(tong), str(tong.interface.port), str(seconds), TRY_PORT)
    return Service(
        name=contracts.tong_gate(tong.name),
        role=f"waits until the port of `{contracts.tong_service(tong.name)}` answers, and ends",
        trust=Trust.UNTRUSTED,
        dockerfile=None,
        pulled=around.gate_image,
        image=(),
        networks=around.networks[:1],
        gate=True,
        labels=((contracts.LABEL_TONG, tong.name),),
        entrypoint=("/bin/sh", "-c", _GATE, "sh", *asked),
        capabilities=(),
        read_only=True,
        resources=Resources(memory=_GATE_MEMORY, pids=_GATE_PROCESSES),
        depends_on=((contracts.tong_service(tong.name), Condition.STARTED),),
    )
