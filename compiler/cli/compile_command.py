"""mooring compile."""

from __future__ import annotations

from pathlib import Path

import click

from compiler import pipeline
from compiler.cli.compilation import Input, input_options, load_project, make_input
from compiler.edge.contents import stream_content
from compiler.edge.read_tree import read_bytes, read_digests
from compiler.edge.write_tree import check_apart, digest_files, write_tree
from compiler.ir.project import Project
from compiler.output.diff import Difference, Drift, diff_digests, render_unified
from compiler.output.file_set import FileSet

_LARGEST_DIFF = 1024 * 1024


@click.command("compile")
@input_options
@click.option("-o", "--output", required=True, metavar="DIR", help="The folder to write.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 when DIR differs from what BUILD gives."
)
@click.option(
    "--force", is_flag=True, help="Replace DIR even if it holds files that mooring did not write."
)
def command(build: str, params: tuple[str, ...], output: str, check: bool, force: bool) -> None:
    """Compile BUILD into the folder DIR.

    BUILD is a build file, or a folder that holds build.yaml. DIR is replaced as a whole, in one
    step: it is complete, or as it was.
    """
    if check and force:
        raise click.UsageError("--check writes nothing, so --force has no meaning with it")
    given = make_input(build, params)
    project = load_project(given)
    destination = Path(output)
    check_apart(destination, list_sources(given, project))
    compiled = pipeline.emit(project)
    if check:
        show_drift(project.build.name, compiled.files, destination)
        return
    write_tree(project.build.name, compiled.files, destination, force=force)
    click.echo(f"{output}: {len(compiled.files) + 1} files", err=True)


def list_sources(given: Input, project: Project) -> dict[str, Path]:
    """What the output must lie apart from, with what each is."""
    build, root = project.build, given.path.parent
    sources = {
        "the build file": given.path,
        "the agent's repository": root / build.seed.repository,
        "the dataset": root / build.dataset,
        "the scorer": root / build.scorer.project,
    }
    if build.scorer.requirements is not None:
        sources["the requirements file"] = root / build.scorer.requirements
    return sources


def show_drift(name: str, files: FileSet, destination: Path) -> None:
    """Print what differs; the command ends with code 1 when anything does."""
    wanted, manifest = digest_files(name, files)
    differences = diff_digests(wanted, read_digests(destination))
    for difference in differences:
        detail = f": {difference.detail}" if difference.detail else ""
        click.echo(f"{difference.drift.value:8}{difference.path}{detail}")
    for difference in differences:
        if difference.drift is Drift.CHANGED:
            click.echo(_unified(difference, files, manifest, destination), nl=False)
    if differences:
        plural = "" if len(differences) == 1 else "s"
        click.echo(
            f"{destination}: {len(differences)} difference{plural} from its source", err=True
        )
        raise click.exceptions.Exit(1)


def _unified(difference: Difference, files: FileSet, manifest: str, destination: Path) -> str:
    path = difference.path
    found = read_bytes(destination / path)
    if path not in files:
        return render_unified(path, found, manifest.encode("utf-8"))
    wanted = b""
    for piece in stream_content(files[path].content):
        wanted += piece
        if len(wanted) > _LARGEST_DIFF:
            return f"Large files a/{path} and b/{path} differ\n"
    return render_unified(path, found, wanted)
