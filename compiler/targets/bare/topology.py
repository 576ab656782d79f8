"""Bare and Plan -> TOPOLOGY.md."""

from __future__ import annotations

from compiler.ir.build import Bare
from compiler.ir.task_plan import Plan
from compiler.targets.gateways.topology import gateway_residuals, gateway_rows
from compiler.targets.harbor.topology import Row, draw_topology, leaving_row


def render_bare_topology(build: Bare, plan: Plan) -> str:
    """The picture of a build that optimises nothing."""
    rows: list[Row] = []
    residuals: list[str] = []
    if build.gateways is not None:
        rows.extend(gateway_rows(build.gateways, plan))
        residuals.extend(gateway_residuals(build.gateways))
    return draw_topology(build.name, plan, [*rows, leaving_row(plan)], residuals)
