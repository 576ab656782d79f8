"""BareInputs and Plan -> every file of a build without a task."""

from __future__ import annotations

from compiler.ir.project import BareInputs
from compiler.ir.task_plan import Plan
from compiler.output.file_set import File, make_file
from compiler.targets.bare.topology import render_bare_topology
from compiler.targets.compose.lower import lower_compose
from compiler.targets.compose.render import render_compose
from compiler.targets.gateways.files import render_gateways
from compiler.targets.launch.build import render_build_launch
from compiler.targets.payload import copy_runtime


def render_bare(inputs: BareInputs, plan: Plan) -> dict[str, File]:
    """The Compose file, what its images are built from, and a picture; without the manifest."""
    return {
        "TOPOLOGY.md": make_file(render_bare_topology(inputs, plan)),
        "environment/docker-compose.yaml": make_file(render_compose(lower_compose(plan))),
        **_render_gateways(inputs),
        **render_build_launch(inputs),
    }


def _render_gateways(inputs: BareInputs) -> dict[str, File]:
    if inputs.build.gateways is None:
        return {}
    return {
        **render_gateways(inputs.build.gateways, inputs.installed),
        **copy_runtime(("supervisor",)),
    }
