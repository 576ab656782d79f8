"""mooring run."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import click

from compiler.cli.compilation import Input, compile_input, takes_input
from compiler.edge.run_script import run_script
from compiler.edge.write_tree import write_tree
from compiler.pipeline import CompiledTask


@click.command("run")
@takes_input
@click.option("-a", "--agent", required=True, help="Harbor's agent: a name or module:Class.")
@click.option("-m", "--model", default=None, help="The agent's model, as Harbor names it.")
@click.option(
    "-e",
    "--env",
    "environment",
    default="docker",
    show_default=True,
    help="Where Harbor runs containers.",
)
@click.option(
    "--jobs-dir", default="jobs", show_default=True, metavar="DIR", help="Where results go."
)
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[-- HARBOR_OPTION...]")
def command(
    given: Input,
    agent: str,
    model: str | None,
    environment: str,
    jobs_dir: str,
    extra: tuple[str, ...],
) -> None:
    """Compile BUILD to a temporary folder and run the task under Harbor.

    The exit code is 0 when every trial has a reward, and 3 when one has none.
    """
    outcome = compile_input(given, keep=Path(gettempdir()))
    if not isinstance(outcome.compiled, CompiledTask):
        raise click.UsageError(f"{given.shown} has no task to run: it names no `agent_repo`")
    chosen = ["-a", agent, *(["-m", model] if model else []), "-e", environment, *extra]
    with TemporaryDirectory(prefix="mooring-") as scratch:
        task = Path(scratch) / outcome.name.rpartition("/")[2]
        write_tree(outcome.name, outcome.files, task)
        variables = {"MOORING_JOBS_DIR": os.path.abspath(jobs_dir)}
        code = run_script(task / "run" / "harbor.sh", chosen, variables)
    raise click.exceptions.Exit(code)
