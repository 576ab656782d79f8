"""Gateways -> Service, Volume, and what main is told of them."""

from __future__ import annotations

import math
from typing import Final

from compiler import contracts
from compiler.ir.build import Resources
from compiler.ir.gateways import ROOT_PROFILE, Gateways
from compiler.ir.task_plan import (
    Asset,
    Healthcheck,
    Mount,
    Service,
    Tmpfs,
    Trust,
    Volume,
)
from compiler.ir.variable_name import gateway_variable
from compiler.passes.assign_ports import assign_ports

# What root needs before it gives itself up for good: to hand over the folders of /run and what root
# has left in the home, wherever that is, and to become the service user.
CAPABILITIES: Final = ("CHOWN", "DAC_READ_SEARCH", "SETGID", "SETUID")
_RUN_BYTES: Final = 64 * 1024 * 1024
_TMP_BYTES: Final = 256 * 1024 * 1024
# Beyond the gateways' own time to end: their loggers, orphans, and the supervisors.
_STOP_MARGIN: Final = 7


def lower_gateways(gateways: Gateways, networks: tuple[str, ...]) -> Service:
    """The service of the gateways on these networks."""
    return Service(
        name=contracts.GATEWAYS,
        role="supervised gateways, one for each profile of a home",
        trust=Trust.DECLARED,
        dockerfile=f"{contracts.GATEWAYS}/Dockerfile",
        image=(),
        networks=networks,
        resources=Resources(),
        # Its first process is the supervisors' own, as the service user.
        init=False,
        mounts=(Mount(volume=contracts.VOLUME_GATEWAYS, target=gateways.home),),
        tmpfs=(
            Tmpfs(target="/run", size=_RUN_BYTES, mode=0o755),
            Tmpfs(target="/tmp", size=_TMP_BYTES, mode=0o1777, executable=True),
        ),
        capabilities=CAPABILITIES,
        read_only=True,
        healthcheck=Healthcheck(
            command=(contracts.COMMAND, "health"), interval=1, timeout=10, retries=120
        ),
        stop_seconds=math.ceil(gateways.stop_seconds) + _STOP_MARGIN,
    )


def lower_gateways_volume() -> Volume:
    """The volume of the home."""
    return Volume(name=contracts.VOLUME_GATEWAYS, holds=(Asset.HOME,))


def profile_ports(gateways: Gateways) -> dict[str, int]:
    """The ports of the declared profiles, then of the home's own where it is not declared."""
    return assign_ports(dict.fromkeys((*gateways.names(), ROOT_PROFILE)), gateways.ports)


def gateway_variables(gateways: Gateways) -> dict[str, str]:
    """How others find the declared profiles' gateways."""
    ports = profile_ports(gateways)
    return {
        gateway_variable(name, what): value
        for name in gateways.names()
        for what, value in (("HOST", contracts.GATEWAYS), ("PORT", str(ports[name])))
    }
