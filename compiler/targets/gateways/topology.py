"""What TOPOLOGY.md says of gateways."""

from __future__ import annotations

from compiler import contracts
from compiler.ir.gateways import Gateways
from compiler.ir.task_plan import Plan
from compiler.passes.lower_gateways import profile_ports


def gateway_rows(gateways: Gateways, plan: Plan) -> list[tuple[str, dict[str, str]]]:
    """Rows of the table: a thing, and for each service how it gets at it."""
    ports = profile_ports(gateways)
    served = {
        service.name: "reaches"
        for service in plan.services
        if contracts.NETWORK_TONGS in service.networks
    }
    rows = [(f"the home `{gateways.home}`", {contracts.GATEWAYS: "writes"})]
    rows.extend(
        (
            f"the gateway `{name}`, port {ports[name]}",
            {**served, contracts.GATEWAYS: "runs"},
        )
        for name in gateways.names()
    )
    return rows


def gateway_residuals(gateways: Gateways) -> list[str]:
    """What gateways leave open."""
    return [
        (
            f"All gateways run as the user `{gateways.user}` in one container: each can read and "
            "write the home of every other."
        ),
        (
            "Whoever is on the network `tongs` can reach every gateway that listens, one of a "
            "profile that was created later too."
        ),
    ]
