"""mooring compile."""

from __future__ import annotations

from pathlib import Path

import click

from compiler.cli.compilation import Input, compile_input, takes_input
from compiler.cli.drift import show_drift
from compiler.cli.ignored import find_ignored
from compiler.edge.write_tree import check_apart, write_tree


@click.command("compile")
@takes_input
@click.option("-o", "--output", required=True, metavar="DIR", help="The folder to write.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 when DIR is not what BUILD gives."
)
@click.option(
    "--force", is_flag=True, help="Replace DIR even with files that mooring did not write."
)
def command(given: Input, output: str, check: bool, force: bool) -> None:
    """Compile BUILD into the folder DIR.

    BUILD is a build file, or a folder that holds build.yaml. DIR is replaced as a whole, in one
    step: it is complete, or as it was.
    """
    if check and force:
        raise click.UsageError("--check writes nothing, so --force has no meaning with it")
    if not output:
        raise click.UsageError("-o is empty: name the folder to write")
    destination = Path(output)
    outcome = compile_input(
        given,
        keep=None if check else destination,
        former=destination,
        look=lambda files: find_ignored(given.shown, files, destination),
    )
    check_apart(destination, outcome.sources)
    name, files = outcome.name, outcome.files
    if check:
        show_drift(name, files, destination, whole=False)
        return
    written = write_tree(name, files, destination, force=force)
    if not given.quiet:
        what = f"{len(files) + 1} files" if written else "nothing changed"
        click.echo(f"{output}: {what}", err=True)
