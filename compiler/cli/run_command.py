"""mooring run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

import click

from compiler.cli.compilation import Input, Outcome, compile_inputs, takes_inputs
from compiler.cli.grid import Grid, references_of, required_of, run_grid
from compiler.edge.run_script import run_script
from compiler.edge.world import Refused
from compiler.edge.write_tree import check_apart, write_tree
from compiler.ir.environments import why_not_outside
from compiler.pipeline import CompiledTask

_EXTRA: Final = "compiler.cli.run_command.extra"


class _RunCommand(click.Command):
    """What stands behind ``--`` is Harbor's, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, extra = args, []
        if "--" in args:
            at = args.index("--")
            own, extra = args[:at], args[at + 1 :]
        ctx.meta[_EXTRA] = tuple(extra)
        return super().parse_args(ctx, own)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- HARBOR_OPTION...]"]


@click.command("run", cls=_RunCommand)
@takes_inputs
@click.option(
    "-a",
    "--agent",
    "agents",
    required=True,
    multiple=True,
    help="Harbor's agent: a name or module:Class. May be repeated.",
)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    help="The agents' model, as Harbor names it. May be repeated.",
)
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
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    help="Keep what is run in DIR: the tasks, and the job as run/job.yaml.",
)
def command(
    given: tuple[Input, ...],
    agents: tuple[str, ...],
    models: tuple[str, ...],
    environment: str,
    jobs_dir: str,
    output: str | None,
) -> None:
    """Compile each BUILD to a temporary folder and run the tasks under Harbor.

    Several builds, agents or models are one job, in which each agent with each model works on each
    task. It ends with a table, and the same in grid.json in the job's folder. A trial without a
    reward is a failure and counts in no mean.

    The exit code is 0 when every trial has a reward, and 3 when one has none.
    """
    if output == "":
        raise click.UsageError("-o is empty: name the folder to write")
    extra: tuple[str, ...] = click.get_current_context().meta[_EXTRA]
    kept = None if output is None else Path(output)
    outcomes = compile_inputs(given, keep=kept or Path(gettempdir()))
    for build, outcome in zip(given, outcomes, strict=True):
        _check_runnable(build, outcome, environment)
        if kept is not None:
            check_apart(kept, outcome.sources)
    if len(given) == len(agents) == 1 and len(models) <= 1 and kept is None:
        chosen = ["-a", *agents, *(word for model in models for word in ("-m", model))]
        code = _run_one(outcomes[0], [*chosen, "-e", environment, *extra], jobs_dir)
    else:
        grid = Grid(
            outcomes=outcomes,
            # Asked for twice is asked for once; `harbor run -k` says how often.
            agents=tuple(dict.fromkeys(agents)),
            models=tuple(dict.fromkeys(models)) or (None,),
            environment=environment,
            extra=extra,
        )
        code = run_grid(grid, Path(os.path.abspath(jobs_dir)), kept, quiet=given[0].quiet)
    raise click.exceptions.Exit(code)


def _check_runnable(given: Input, outcome: Outcome, environment: str) -> None:
    if not isinstance(outcome.compiled, CompiledTask):
        raise click.UsageError(f"{given.shown} has no task to run: it names no `agent_repo`")
    secrets = bool(required_of(outcome) or references_of(outcome))
    why = why_not_outside(environment, secrets=secrets)
    if why is not None:
        raise Refused(f"{outcome.name} cannot run in Harbor's environment `{environment}`: {why}")


def _run_one(outcome: Outcome, words: list[str], jobs_dir: str) -> int:
    with TemporaryDirectory(prefix="mooring-") as scratch:
        task = Path(scratch) / outcome.name.rpartition("/")[2]
        write_tree(outcome.name, outcome.files, task)
        variables = {"MOORING_JOBS_DIR": os.path.abspath(jobs_dir), **_own_command()}
        return run_script(task / "run" / "harbor.sh", words, variables)


def _own_command() -> dict[str, str]:
    """So that the script asks this installation for the secrets of tongs, on PATH or not."""
    own = Path(sys.executable).with_name("mooring")
    return {"MOORING_COMMAND": str(own)} if own.exists() else {}
