"""The rules that ask what a build renders to, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic
from compiler.ir.project import Inputs
from compiler.targets.dockerfile.line_check import check_dockerfile_lines
from compiler.targets.harbor.instruction_check import check_instruction_template


def check_rendered(inputs: Inputs) -> Iterator[Diagnostic]:
    """What is wrong with the inputs once their text is looked at as it will be written."""
    yield from check_instruction_template(inputs)
    yield from check_dockerfile_lines(inputs.build)
