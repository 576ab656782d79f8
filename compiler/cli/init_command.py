"""mooring init."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from compiler.edge.write_new import write_new_files
from compiler.targets.starter import MODES, render_starter


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path())
@click.option(
    "--mode",
    type=click.Choice(MODES, case_sensitive=False),
    default="A",
    show_default=True,
    help="What candidates are: programs that answer samples (A), or agents for Harbor (B).",
)
def command(folder: str, mode: str) -> None:
    """Write a working starter project into DIR, the current folder without one.

    DIR may hold other files; none is overwritten. The task is named after the folder.
    """
    files = render_starter(mode, os.path.basename(os.path.realpath(folder)))
    write_new_files(files, Path(folder))
    for path in sorted(files):
        click.echo(_below(folder, path))
    build, task = (shlex.quote(_below(folder, name)) for name in (".", "task"))
    click.echo(
        "\nRead build.yaml first: it says who sees what, and what is measured. Then:\n\n"
        f"  mooring check {build}\n"
        f"  mooring compile {build} -o {task}\n\n"
        "README.md says how to run it."
    )


def _below(folder: str, path: str) -> str:
    return click.format_filename(os.path.normpath(os.path.join(folder, path)))
