"""No asset has a way to a container that must not have it: image, volume, environment, network.

The rules are the rows of the threats table: labels, scorer and ledger belong to trusted services
alone; a secret to the service that declares it, never to the workbench; an untrusted service writes
to nothing that a trusted one mounts; the evaluator shares a network with main only where it is
internal; what runs candidates meets nobody on a network and shares no volume with main, which would
be told the inputs of hidden samples; no container beside main meets the evaluator; no service has a
network that the build keeps from it; and a tong has its own secrets, its own volumes and the
workspace alone, and the socket of Docker where the build allows that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from compiler import contracts
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.ir.build import Bare, Build, Reach, Recipient
from compiler.ir.task_plan import Asset, FromCaller, Plan, Service, Trust, Variable
from compiler.ir.tong import Tong
from compiler.ir.tong_names import secret_variables

_TRUSTED_ALONE: Final = frozenset((Asset.LABELS, Asset.SCORER, Asset.LEDGER))
_HINT: Final = "this is a defect of the plan, not of your build: please report it"


def check_trust_boundary(
    build: Build, plan: Plan, tongs: Sequence[Tong] = ()
) -> Iterator[Diagnostic]:
    """MOR410 for each way that the plan opens and the rules close."""
    place = build.places.value("name")
    held = {tong.name: secret_variables(tong) for tong in tongs}
    for service in plan.services:
        yield from _check_assets(place, plan, service)
        yield from _check_secrets(place, build, service)
        yield from _check_tong(place, build, service, held)
    yield from _check_volumes(place, plan)
    yield from _check_networks(place, build, plan)


def _told(place: Span, what: str, service: Service, way: str) -> Diagnostic:
    trust = service.trust.value
    return diagnostic(
        "MOR410", place, what=what, service=service.name, trust=trust, way=way, hint=_HINT
    )


def _check_assets(place: Span, plan: Plan, service: Service) -> Iterator[Diagnostic]:
    if service.trust is Trust.TRUSTED:
        return
    for asset in service.image:
        if asset in _TRUSTED_ALONE:
            yield _told(place, asset.value, service, "its image")
    holds = {volume.name: volume.holds for volume in plan.volumes}
    for mount in service.mounts:
        for asset in holds.get(mount.volume, tuple(Asset)):
            if asset in _TRUSTED_ALONE:
                yield _told(place, asset.value, service, f"the volume {mount.volume}")


def _check_secrets(place: Span, build: Build, service: Service) -> Iterator[Diagnostic]:
    allowed = _secrets_of(build).get(service.name, ())
    names = {name for held in _secrets_of(build).values() for name in held}
    for variable in service.environment:
        if _is_secret(variable, names) and variable.name not in allowed:
            yield _told(place, f"the secret {variable.name}", service, "its environment")


def _secrets_of(build: Build) -> dict[str, tuple[str, ...]]:
    """The names of the secrets that each service gets."""
    if isinstance(build, Bare):
        return {}
    return {
        contracts.EVALUATOR: build.secrets_to(Recipient.EVALUATOR),
        contracts.RUNNER: build.secrets_to(Recipient.CANDIDATE),
    }


def _check_tong(
    place: Span, build: Build, service: Service, held: Mapping[str, frozenset[str]]
) -> Iterator[Diagnostic]:
    tong = dict(service.labels).get(contracts.LABEL_TONG)
    own = held.get(tong, frozenset()) if tong is not None else frozenset()
    for variable in service.environment:
        for part in variable.value if isinstance(variable.value, tuple) else ():
            if isinstance(part, FromCaller) and part.name not in own:
                yield _told(place, f"the secret {part.name}", service, "its environment")
    if service.socket is not None and (tong is None or not build.sidecars.allow_socket):
        yield _told(place, "the host", service, "the socket of its Docker")
    for mount in service.mounts if tong is not None else ():
        if mount.volume != contracts.VOLUME_REPO and not mount.volume.startswith(
            contracts.TONG_VOLUMES
        ):
            yield _told(place, mount.volume, service, "its mounts")


def _is_secret(variable: Variable, names: set[str]) -> bool:
    return variable.value is None or variable.name in names


def _check_volumes(place: Span, plan: Plan) -> Iterator[Diagnostic]:
    for service in plan.services:
        for peer in _peers(service, plan):
            theirs = {mount.volume for mount in peer.mounts}
            for mount in service.mounts:
                if mount.volume not in theirs or service.name == peer.name:
                    continue
                others = (Trust.UNTRUSTED, Trust.DECLARED)
                if service.trust is Trust.RUNS_UNTRUSTED and peer.trust in others:
                    what = f"what {peer.name} reads or writes"
                    yield _told(place, what, service, f"the volume {mount.volume}")
                # The runner's socket is the one thing that both sides must reach.
                shared = peer.trust is Trust.TRUSTED and mount.volume != contracts.VOLUME_RUNNER
                if service.trust is not Trust.TRUSTED and shared and not mount.read_only:
                    what = f"writing to {mount.volume}, which a trusted service mounts,"
                    yield _told(place, what, service, "a mount that is not read-only")


def _check_networks(place: Span, build: Build, plan: Plan) -> Iterator[Diagnostic]:
    internal = {network.name for network in plan.networks if network.internal}
    reach = _reach_of(build)
    for service in plan.services:
        outward = set(service.networks) - internal
        if reach.get(service.name) is Reach.NONE and outward:
            yield _told(place, "the internet", service, f"the network {min(outward)}")
        for peer in _peers(service, plan):
            closed = _closed_networks(service, peer, internal)
            if service.name != peer.name and closed:
                way = f"the network {min(closed)}"
                yield _told(place, f"a connection to {peer.name}", service, way)


def _peers(service: Service, plan: Plan) -> tuple[Service, ...]:
    """Whom the service may have to be kept from: the trusted and, what runs candidates, all."""
    if service.trust is Trust.RUNS_UNTRUSTED:
        return plan.services
    return tuple(peer for peer in plan.services if peer.trust is Trust.TRUSTED)


def _reach_of(build: Build) -> dict[str, Reach]:
    """What the build says of services' ways out."""
    if isinstance(build, Bare):
        return {}
    return {contracts.MAIN: build.workbench.network, contracts.RUNNER: build.runner.network}


def _closed_networks(service: Service, peer: Service, internal: set[str]) -> set[str]:
    """The networks on which the service must not meet its peer."""
    shared = set(service.networks).intersection(peer.networks)
    if service.trust is Trust.RUNS_UNTRUSTED:
        return shared
    if service.trust is Trust.DECLARED and peer.trust is Trust.TRUSTED:
        return shared
    if service.trust is Trust.UNTRUSTED and peer.trust is Trust.TRUSTED:
        return shared - internal
    return set()
