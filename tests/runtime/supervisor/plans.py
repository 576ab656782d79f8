"""Plans for the tests."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from compiler.runtime.supervisor import plan as plan_module
from compiler.runtime.supervisor.plan import Plan, decode_plan

SUPERVISOR = Path(plan_module.__file__).parent
ROOT = SUPERVISOR.parents[2]

COMPLETE: dict[str, Any] = {
    "plan_version": 1,
    "service": "gateways",
    "user": "nobody",
    "home": "/opt/data",
    "scandir": "/run/service",
    "marker": "SOUL.md",
    "command": ["gateway", "--port", "{port}", "--profile={profile}", "{home}"],
    "env": {"MODE": "quiet", "TOKEN": None},
    "profiles": [],
    "ports": {"first": 9200, "last": 9799},
    "readiness": {"kind": "tcp"},
    "crash": {"deaths": 5, "window": 60, "max_backoff": 30},
    "stop_timeout": 8,
}


def plan_data(**changes: Any) -> dict[str, Any]:
    """A plan as JSON has it, with these keys instead."""
    return copy.deepcopy({**COMPLETE, **changes})


def make_plan(**changes: Any) -> Plan:
    return decode_plan(json.loads(json.dumps(plan_data(**changes))))


def declare(name: str, port: int, *, start: bool = False, **env: str | None) -> dict[str, Any]:
    return {"name": name, "start": start, "port": port, "env": env}
