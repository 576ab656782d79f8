"""mooring check."""

from __future__ import annotations

import click

from compiler.cli.compilation import input_options, load_project, make_input


@click.command("check")
@input_options
def command(build: str, params: tuple[str, ...]) -> None:
    """Check BUILD and all that it names; write nothing.

    BUILD is a build file, or a folder that holds build.yaml.
    """
    load_project(make_input(build, params))
