"""A build -> its launch/, with its gateways among the tongs."""

from __future__ import annotations

from compiler.ir.project import BareInputs, Inputs
from compiler.output.file_set import File
from compiler.passes.lower_gateways import gateway_variables
from compiler.targets.gateways.tong import gateways_tong, render_gateways_tong
from compiler.targets.launch.files import render_launch


def render_build_launch(inputs: Inputs | BareInputs) -> dict[str, File]:
    """The launch of the build's anvil, if it has one, and the tong that its gateways are."""
    build, anvil = inputs.build, inputs.build.sidecars.anvil
    if build.gateways is None:
        return render_launch(build.name, inputs.tongs, anvil)
    tong = gateways_tong(build, inputs.installed)
    variables = gateway_variables(build.gateways)
    return {
        **render_gateways_tong(tong),
        **render_launch(build.name, (*inputs.tongs, tong), anvil, variables),
    }
