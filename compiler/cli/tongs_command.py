"""mooring tongs."""

from __future__ import annotations

import click

from compiler.cli import tongs_definitions, tongs_live


@click.group("tongs")
def command() -> None:
    """Look at tongs, and remove them."""


for each in (*tongs_definitions.COMMANDS, *tongs_live.COMMANDS):
    command.add_command(each)
