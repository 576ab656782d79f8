"""mooring plan."""

from __future__ import annotations

import click

from compiler.cli.compilation import Input, compile_input, takes_input
from compiler.targets.plan_text import describe_plan, render_plan


@click.command("plan")
@takes_input
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(given: Input, as_json: bool) -> None:
    """Show what BUILD becomes: services, variables, mounts, networks, trust and timeouts.

    Writes nothing and starts nothing. Values of secrets are nowhere in it.
    """
    outcome = compile_input(given)
    if outcome.compiled is None:
        click.echo(f"{outcome.name}: nothing to write")
        return
    plan = outcome.compiled.plan
    if as_json:
        from compiler.targets.json_text import render_json

        click.echo(render_json(describe_plan(outcome.name, plan)), nl=False)
    else:
        click.echo(render_plan(outcome.name, plan), nl=False)
