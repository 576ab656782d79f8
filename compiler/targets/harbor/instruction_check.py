"""The user's instruction template can be filled."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.project import Inputs
from compiler.targets.harbor.instruction import BUILT_IN, instruction_values
from compiler.targets.render_template import TemplateProblem, render_extended


def check_instruction_template(inputs: Inputs) -> Iterator[Diagnostic]:
    """MOR330, with the reason that Jinja2 gives."""
    path = inputs.build.workbench.instruction_template
    if path is None or inputs.template is None:
        return
    try:
        values = instruction_values(inputs.build)
        render_extended(inputs.template, {"instruction.md": BUILT_IN}, values)
    except TemplateProblem as problem:
        place = inputs.build.places.value("instruction_template")
        yield diagnostic("MOR330", place, file=path, problem=str(problem))
