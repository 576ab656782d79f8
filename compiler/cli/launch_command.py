"""mooring launch."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from compiler import contracts
from compiler.cli.compilation import Input, show_diagnostics
from compiler.cli.provider_table import HOME, TABLE_NAME, decode_table, read_table
from compiler.cli.tong_layers import takes_layers
from compiler.diagnostics.diagnostic import Diagnostic, Severity, has_errors
from compiler.edge.discover_tongs import discover_tongs
from compiler.edge.world import Refused, WorldError
from compiler.ir.sidecars import Harness
from compiler.ir.tong import Layer
from compiler.runtime.launcher.docker import Docker
from compiler.runtime.launcher.errors import OWN_FAILURE, LaunchError
from compiler.runtime.launcher.launch import Options
from compiler.runtime.launcher.plan import Plan
from compiler.runtime.launcher.prompt import find_asker
from compiler.runtime.launcher.providers import SECONDS, ProviderTable
from compiler.runtime.launcher.read_plan import decode_plan, read_plan
from compiler.runtime.launcher.run import become, run_launch, tell
from compiler.runtime.launcher.text import say
from compiler.targets.launch.files import plan_command


class _Command(click.Command):
    """A wrong command line is a failure of the launch: other codes are the harness's."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            error.show()
            raise click.exceptions.Exit(OWN_FAILURE) from error


@click.command("launch", cls=_Command, context_settings={"allow_interspersed_args": False})
@takes_layers
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Launch a compiled launch/plan.json, with the harness that it names.",
)
@click.option(
    "--harness",
    type=click.Choice([each.value for each in Harness]),
    default=None,
    help="How the harness is told of MCP tongs; without it, by variables alone.",
)
@click.option(
    "--env-prefix",
    default=contracts.TONG_PREFIX,
    show_default=True,
    metavar="PREFIX",
    help="What the harness's variables of tongs start with.",
)
@click.option(
    "--anvil-image",
    default=None,
    metavar="IMAGE",
    show_default="the harness's",
    help="The image from which ports are tried.",
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
@click.option("--strict", is_flag=True, help="Unknown keys of definitions are errors.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[-- docker run ...]")
def command(
    layers: dict[Layer, Path],
    workspace: Path,
    plan_file: Path | None,
    providers: Path | None,
    provider_timeout: float,
    no_prompt: bool,
    quiet: bool,
    argv: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Run a harness, a `docker run` command, with the tongs of all layers around it.

    The exit code is the harness's own; 125 when the launch fails, 128+n after signal n.
    """
    try:
        plan = _read_plan(plan_file, argv) or _discover(layers, argv, quiet=quiet, **chosen)
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


def _read_plan(plan_file: Path | None, argv: tuple[str, ...]) -> Plan | None:
    if plan_file is None and not argv:
        raise LaunchError(
            "there is nothing to launch",
            "give a command, `mooring launch -- docker run IMAGE`, or a plan, `--plan FILE`",
        )
    if plan_file is None:
        return None
    if argv:
        raise LaunchError("a plan has its own harness: leave the command out")
    _refuse_unused(click.get_current_context())
    return read_plan(str(plan_file))


def _discover(
    layers: dict[Layer, Path],
    argv: tuple[str, ...],
    *,
    quiet: bool,
    strict: bool,
    harness: str | None,
    env_prefix: str,
    anvil_image: str | None,
) -> Plan:
    """The plan of the tongs of this machine; without any, this process becomes the command."""
    discovered = discover_tongs(layers, strict=strict)
    _show(discovered.found, discovered.texts, quiet=quiet)
    if not discovered.tongs:
        become(argv)
    try:
        data = plan_command(
            "launch",
            discovered.tongs,
            argv,
            harness=None if harness is None else Harness(harness),
            prefix=env_prefix,
            probe_image=anvil_image,
        )
    except ValueError as error:
        raise LaunchError(f"tongs cannot be put around this command: {error}") from error
    if data["anvil"]["image"] is None:
        raise LaunchError("tongs cannot be put around this command: it names no image")
    return decode_plan(data)


def _read_providers(path: Path | None) -> ProviderTable:
    chosen = path or Path(os.path.expanduser(HOME)) / TABLE_NAME
    try:
        data, shown = read_table(chosen, needed=path is not None)
    except OSError as error:
        raise LaunchError(f"cannot read {chosen}: {error.strerror}") from error
    table, problems = decode_table(data, shown)
    _show(problems, {shown: data.decode("utf-8", "replace")}, quiet=False)
    assert table is not None
    return table


def _show(found: Iterable[Diagnostic], texts: dict[str, str], *, quiet: bool) -> None:
    """All of them at once, and the end where one is an error. Notes are for whoever writes tongs.

    In text, since standard output is the harness's.
    """
    told = [each for each in found if each.severity is not Severity.NOTE]
    given = Input(path=Path(), shown="", params={}, output_format="text", quiet=quiet, strict=False)
    show_diagnostics(told, texts, given)
    if has_errors(told):
        raise click.exceptions.Exit(OWN_FAILURE)


def _refuse_unused(context: click.Context) -> None:
    """What a plan has decided already cannot be chosen again."""
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "")
        if option.name in _OF_COMMANDS and given is ParameterSource.COMMANDLINE:
            raise LaunchError(f"{option.opts[0]} says nothing about a plan: leave it out")


_OF_COMMANDS = frozenset(
    {"user_dir", "org_dir", "repo_dir", "workspace_dir", "harness", "env_prefix", "anvil_image"}
    | {"strict"}
)
