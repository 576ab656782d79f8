"""Showing how a folder differs from what its source gives."""

from __future__ import annotations

from pathlib import Path

import click

from compiler import contracts
from compiler.diagnostics.render_text import escape_control
from compiler.edge.contents import stream_content
from compiler.edge.read_tree import read_bytes, read_digests
from compiler.edge.write_tree import digest_files
from compiler.output.diff import Difference, Drift, diff_digests, render_unified
from compiler.output.file_set import Archived, File, FileSet, make_file

_LARGEST_DIFF = 1024 * 1024


def show_drift(name: str, files: FileSet, destination: Path, *, whole: bool) -> None:
    """Print what differs; the command ends with code 1 when anything does.

    Changed files come with a unified diff; with ``whole`` so do missing and extra ones.
    """
    wanted, manifest = digest_files(name, files)
    with_manifest = {**files, contracts.MANIFEST_NAME: make_file(manifest)}
    differences = diff_digests(wanted, read_digests(destination))
    for difference in differences:
        detail = f": {difference.detail}" if difference.detail else ""
        click.echo(f"{difference.drift.value:8}{escape_control(difference.path)}{detail}")
    shown = {Drift.CHANGED, *((Drift.MISSING, Drift.EXTRA) if whole else ())}
    for difference in differences:
        if difference.drift in shown:
            file = with_manifest.get(difference.path)
            click.echo(_unified(difference, file, destination), nl=False)
    if differences:
        plural = "" if len(differences) == 1 else "s"
        message = f"{destination}: {len(differences)} difference{plural} from its source"
        click.echo(message, err=True)
        raise click.exceptions.Exit(1)


def _unified(difference: Difference, file: File | None, destination: Path) -> str:
    path = escape_control(difference.path)
    if file is not None and isinstance(file.content, Archived):
        return f"Binary files a/{path} and b/{path} differ\n"
    missing = difference.drift is Drift.MISSING
    found = b"" if missing else read_bytes(destination / difference.path)
    wanted = b""
    for piece in stream_content(file.content) if file else ():
        wanted += piece
        if len(wanted) > _LARGEST_DIFF:
            return f"Large files a/{path} and b/{path} differ\n"
    return render_unified(path, found, wanted)
