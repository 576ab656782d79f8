"""mooring explain."""

from __future__ import annotations

import click

from compiler import resources
from compiler.diagnostics.codes import CODES
from compiler.diagnostics.suggest import suggest_name


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Print the page of a diagnostic's CODE: what it means, with a wrong and a mended example.

    Without CODE: list all codes.
    """
    if code is None:
        for name, row in CODES.items():
            click.echo(f"{name}  {row.severity:8}{row.message}")
        return
    name = code.upper()
    if name not in CODES:
        near = suggest_name(name, CODES)
        hint = f" Did you mean {near}?" if near else ""
        raise click.BadParameter(f"there is no code `{code}`.{hint}", param_hint="CODE")
    click.echo(resources.page(name), nl=False)
