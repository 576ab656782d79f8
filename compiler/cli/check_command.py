"""mooring check."""

from __future__ import annotations

import click

from compiler.cli.compilation import Input, load_project, takes_input


@click.command("check")
@takes_input
def command(given: Input) -> None:
    """Check BUILD and all that it names; write nothing.

    BUILD is a build file, or a folder that holds build.yaml.
    """
    load_project(given)
