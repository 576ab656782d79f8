"""mooring launch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from compiler.cli.provider_table import HOME, TABLE_NAME, decode_table, read_table
from compiler.diagnostics.diagnostic import has_errors, ordered
from compiler.edge.world import Refused, WorldError
from compiler.runtime.launcher.docker import Docker
from compiler.runtime.launcher.errors import OWN_FAILURE, LaunchError
from compiler.runtime.launcher.launch import Options
from compiler.runtime.launcher.plan import Plan
from compiler.runtime.launcher.prompt import find_asker
from compiler.runtime.launcher.providers import SECONDS, ProviderTable
from compiler.runtime.launcher.read_plan import read_plan
from compiler.runtime.launcher.run import run_launch, tell
from compiler.runtime.launcher.text import say


class _Command(click.Command):
    """A wrong command line is a failure of the launch: other codes are the harness's."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            error.show()
            raise click.exceptions.Exit(OWN_FAILURE) from error


@click.command("launch", cls=_Command, context_settings={"allow_interspersed_args": False})
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Launch a compiled launch/plan.json, with the harness that it names.",
)
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    metavar="DIR",
    help="What tongs that mount the workspace get.",
)
@click.option(
    "--providers",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    show_default=f"{HOME}/{TABLE_NAME}",
    help="Which program gives which secret.",
)
@click.option(
    "--provider-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long such a program may take.",
)
@click.option("--no-prompt", is_flag=True, help="Ask nobody: what needs approval is refused.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[-- docker run ...]")
def command(
    plan_file: Path | None,
    workspace: Path,
    providers: Path | None,
    provider_timeout: float,
    no_prompt: bool,
    quiet: bool,
    argv: tuple[str, ...],
) -> None:
    """Run a harness with its tongs around it.

    The exit code is the harness's own; 125 when the launch fails, 128+n after signal n.
    """
    try:
        plan = _read_plan(plan_file, argv)
        options = Options(
            workspace=str(workspace),
            home=os.path.expanduser(HOME),
            providers=_read_providers(providers),
            secret_seconds=provider_timeout,
            ask=find_asker(allowed=not no_prompt),
            say=_say_nothing if quiet else say,
        )
    except (Refused, WorldError) as error:
        say(str(error))
        raise click.exceptions.Exit(OWN_FAILURE) from error
    except LaunchError as error:
        tell(error)
        raise click.exceptions.Exit(OWN_FAILURE) from error
    raise click.exceptions.Exit(run_launch(Docker(), plan, options))


def _say_nothing(_: str) -> None:
    pass


def _read_plan(plan_file: Path | None, argv: tuple[str, ...]) -> Plan:
    if plan_file is None:
        raise LaunchError("there is nothing to launch", "name a plan: --plan launch/plan.json")
    if argv:
        raise LaunchError("a plan has its own harness: leave the command out")
    return read_plan(str(plan_file))


def _read_providers(path: Path | None) -> ProviderTable:
    chosen = path or Path(os.path.expanduser(HOME)) / TABLE_NAME
    try:
        data, shown = read_table(chosen, needed=path is not None)
    except OSError as error:
        raise LaunchError(f"cannot read {chosen}: {error.strerror}") from error
    table, problems = decode_table(data, shown)
    if problems:
        _show(problems, {shown: data.decode("utf-8", "replace")})
    if table is None or has_errors(problems):
        raise click.exceptions.Exit(OWN_FAILURE)
    return table


def _show(problems: Any, texts: dict[str, str]) -> None:
    from compiler.diagnostics.render_text import render_summary, render_text

    in_order = ordered(problems)
    click.echo(render_text(in_order, texts, color=False), err=True)
    click.echo(render_summary(in_order), err=True)
