"""mooring session."""

from __future__ import annotations

import json
from pathlib import Path

import click

from compiler.edge.world import WorldError


@click.group("session")
def command() -> None:
    """Read what a trial's session left behind."""


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(file: Path, as_json: bool) -> None:
    """Show a session's archive: what was chosen and why, candidates, costs, evaluations.

    FILE is session.tar, or a folder that holds one: Harbor puts it below the trial's
    artifacts/mooring-session. It is verified against its own digests, and not trusted. The exit
    code is 3 when it cannot be read, is damaged, or lacks a part.
    """
    from compiler.runtime.report.render_session import render_session
    from compiler.runtime.report.session import SessionError, read_session, session_document

    try:
        session = read_session(file)
    except SessionError as error:
        raise WorldError(str(error)) from error
    click.echo(
        json.dumps(session_document(session), indent=2) if as_json else render_session(session)
    )
    if session.problems:
        raise WorldError("the archive is not whole: see its problems")
