"""Gateways -> the plan.json of their supervisor (schemas/runtime/supervisor-plan.schema.json)."""

from __future__ import annotations

from typing import Any

from compiler import contracts
from compiler.ir.gateways import Gateways, Notified, Readiness
from compiler.passes.lower_gateways import profile_ports


def lower_gateways_plan(gateways: Gateways) -> dict[str, Any]:
    """What the supervisor needs to know. Times in seconds; a variable's null unsets it."""
    ports = profile_ports(gateways)
    first, last = gateways.ports
    return {
        "plan_version": contracts.PLAN_VERSION,
        "service": contracts.GATEWAYS,
        "home": gateways.home,
        "scandir": contracts.GATEWAY_SCANDIR,
        "user": gateways.user,
        "marker": gateways.marker,
        "command": list(gateways.command),
        "env": dict(gateways.env),
        "profiles": [
            {
                "name": profile.name,
                "start": profile.start,
                "port": ports[profile.name],
                "env": dict(profile.env),
            }
            for profile in gateways.profiles
        ],
        "ports": {"first": first, "last": last},
        "readiness": _lower_readiness(gateways.readiness),
        "crash": {
            "deaths": gateways.crash.deaths,
            "window": gateways.crash.window,
            "max_backoff": gateways.crash.max_backoff,
        },
        "stop_timeout": gateways.stop_seconds,
    }


def _lower_readiness(readiness: Readiness | Notified) -> dict[str, Any]:
    if isinstance(readiness, Notified):
        return {"kind": "notify", "fd": readiness.fd}
    return {"kind": readiness.value}
