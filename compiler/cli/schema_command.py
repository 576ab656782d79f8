"""mooring schema."""

from __future__ import annotations

import click

from compiler import resources

SCHEMAS = ("build",)


@click.command("schema")
@click.argument("name", type=click.Choice(SCHEMAS))
def command(name: str) -> None:
    """Print the JSON Schema of a file that people write.

    To switch it on in an editor, save it and name it in the file's first line:

    \b
      mooring schema build > build.schema.json
      # yaml-language-server: $schema=build.schema.json
    """
    click.echo(resources.schema_text(name), nl=False)
