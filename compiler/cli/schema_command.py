"""mooring schema."""

from __future__ import annotations

import click

from compiler import resources
from compiler.surface.reference import render_reference

SCHEMAS = ("build", "tong")


@click.command("schema")
@click.argument("name", type=click.Choice(SCHEMAS))
@click.option("--markdown", is_flag=True, help="Print it as a reference to read: every key.")
def command(name: str, markdown: bool) -> None:
    """Print the JSON Schema of a file that people write.

    To switch it on in an editor, save it and name it in the file's first line:

    \b
      mooring schema build > build.schema.json
      # yaml-language-server: $schema=build.schema.json
    """
    if markdown and name != "build":
        raise click.UsageError("--markdown is for the build file: docs/tongs.md tells of tongs")
    if markdown:
        click.echo(render_reference(resources.schema(name)), nl=False)
    else:
        click.echo(resources.schema_text(name), nl=False)
