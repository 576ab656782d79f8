"""mooring diff."""

from __future__ import annotations

from pathlib import Path

import click

from compiler.cli.compilation import Input, compile_input, takes_input
from compiler.cli.drift import show_drift


@click.command("diff")
@takes_input
@click.option("-o", "--output", required=True, metavar="DIR", help="The folder to compare with.")
def command(given: Input, output: str) -> None:
    """Show what `compile` would change in DIR, as a unified diff; write nothing.

    Exit code 0: nothing, 1: something.
    """
    outcome = compile_input(given, former=Path(output))
    show_drift(outcome.name, outcome.files, Path(output), whole=True)
