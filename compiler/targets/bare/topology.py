"""BareInputs and Plan -> TOPOLOGY.md."""

from __future__ import annotations

from compiler.ir.project import BareInputs
from compiler.ir.task_plan import Plan
from compiler.targets.gateways.topology import gateway_residuals, gateway_rows
from compiler.targets.harbor.topology import Row, draw_topology, leaving_row
from compiler.targets.launch.topology import tong_residuals, tong_rows


def render_bare_topology(inputs: BareInputs, plan: Plan) -> str:
    """The picture of a build that optimises nothing."""
    build = inputs.build
    rows: list[Row] = []
    residuals: list[str] = []
    if build.gateways is not None:
        rows.extend(gateway_rows(build.gateways, plan))
        residuals.extend(gateway_residuals(build.gateways))
    rows.extend(tong_rows(inputs.tongs))
    residuals.extend(tong_residuals(inputs.tongs))
    return draw_topology(build.name, plan, [*rows, leaving_row(plan)], residuals)
