"""mooring check."""

from __future__ import annotations

import click

from compiler.cli.compilation import Input, compile_input, takes_input


@click.command("check")
@takes_input
def command(given: Input) -> None:
    """Check BUILD and all that it names; write nothing.

    BUILD is a build file, or a folder that holds build.yaml.
    """
    compile_input(given)
