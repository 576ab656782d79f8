"""Bare -> Plan: containers without a Harbor task."""

from __future__ import annotations

from compiler import contracts
from compiler.ir.build import Bare
from compiler.ir.task_plan import Network, Plan
from compiler.passes.lower_gateways import lower_gateways, lower_gateways_volume


def lower_bare(build: Bare) -> Plan:
    """The plan of a build that is not empty."""
    assert build.gateways is not None
    return Plan(
        services=(lower_gateways(build.gateways, (contracts.NETWORK_TONGS,)),),
        networks=(Network(name=contracts.NETWORK_TONGS, internal=False),),
        volumes=(lower_gateways_volume(),),
    )
