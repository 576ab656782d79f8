"""BareInputs -> Plan: containers without a Harbor task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from compiler import contracts
from compiler.ir.build import Resources
from compiler.ir.gateways import Gateways
from compiler.ir.project import BareInputs
from compiler.ir.sidecars import AnvilSettings
from compiler.ir.task_plan import (
    Bind,
    Condition,
    FromCaller,
    Network,
    Plan,
    Service,
    Trust,
    Variable,
)
from compiler.ir.tong import Tong
from compiler.passes.launch.inject import anvil_variables, mcp_servers
from compiler.passes.launch.mcp import mcp_config
from compiler.passes.lower_gateways import (
    gateway_variables,
    lower_gateways,
    lower_gateways_volume,
)
from compiler.passes.lower_tongs import (
    Surroundings,
    lower_tong_networks,
    lower_tong_volumes,
    lower_tongs,
    offered_mounts,
    wait_for_tongs,
)

CALLER: Final = "docker compose"
WORKSPACE: Final = FromCaller(name="MOORING_WORKSPACE", of=CALLER)
# From the Compose file's folder.
FILES: Final = "../launch"


def lower_bare(inputs: BareInputs) -> Plan:
    """The plan of a build that is not empty."""
    gateways, tongs, anvil = inputs.build.gateways, inputs.tongs, inputs.build.sidecars.anvil
    networks = (contracts.NETWORK_TONGS,)
    return Plan(
        services=(
            *((_lower_anvil(anvil, tongs, gateways),) if anvil else ()),
            *((lower_gateways(gateways, networks),) if gateways else ()),
            *lower_tongs(
                tongs,
                Surroundings(
                    networks=networks,
                    gate_image=anvil.image if anvil else "",
                    workspace=WORKSPACE,
                    caller=CALLER,
                ),
            ),
        ),
        networks=(
            Network(name=contracts.NETWORK_TONGS, internal=False),
            *lower_tong_networks(tongs),
        ),
        volumes=(
            *((lower_gateways_volume(),) if gateways else ()),
            *lower_tong_volumes(tongs),
        ),
    )


def _lower_anvil(anvil: AnvilSettings, tongs: Sequence[Tong], gateways: Gateways | None) -> Service:
    config = mcp_config(anvil.harness, mcp_servers(tongs))
    told = gateway_variables(gateways).items() if gateways else ()
    variables = (*told, *anvil_variables(tongs, anvil.prefix), *config.variables)
    files: tuple[Bind, ...] = ()
    if config.file is not None:
        file, place = config.file
        files = (Bind(source=f"{FILES}/{file.name}", target=place, read_only=True),)
    own = ((contracts.GATEWAYS, Condition.HEALTHY),) if gateways else ()
    command = (*(anvil.argv or ()), *config.flags)
    return Service(
        name=contracts.ANVIL,
        role="the harness that the tongs serve: `docker compose run anvil`",
        trust=Trust.UNTRUSTED,
        dockerfile=None,
        pulled=anvil.image,
        image=(),
        networks=(contracts.NETWORK_TONGS,),
        interactive=True,
        command=command or None,
        working_dir=anvil.workspace,
        environment=tuple(Variable(name=name, value=value) for name, value in variables),
        mounts=offered_mounts(tongs),
        binds=(Bind(source=WORKSPACE, target=anvil.workspace), *files),
        resources=Resources(),
        depends_on=(*own, *wait_for_tongs(tongs)),
    )
