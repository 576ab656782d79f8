"""mooring tongs ps, logs, down, gc: the tongs that an engine has now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from compiler.edge.world import WorldError


@contextmanager
def _world() -> Iterator[None]:
    """The launcher's failures as the command line tells them."""
    from compiler.runtime.launcher.errors import LaunchError, Unknown

    try:
        yield
    except Unknown as error:
        raise click.UsageError("; ".join(filter(None, (error.message, error.hint)))) from error
    except LaunchError as error:
        raise WorldError("\n  ".join((error.message, *error.lines))) from error


@click.command("ps")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def ps(as_json: bool) -> None:
    """List the tongs that are there: shared ones, and those of each session."""
    from compiler.runtime.launcher.docker import Docker
    from compiler.runtime.launcher.listing import HEADING, list_tongs
    from compiler.runtime.launcher.owner import own_place
    from compiler.runtime.launcher.text import table

    with _world():
        rows = list_tongs(Docker(), own_place())
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows], indent=2))
        return
    for line in table([HEADING, *(row.as_cells() for row in rows)]):
        click.echo(line)


@click.command("logs")
@click.argument("tong", metavar="TONG")
@click.option("--session", default=None, metavar="ID", help="The tong of this session.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the tong ends.")
@click.option(
    "-n", "--tail", type=click.IntRange(min=0), default=None, help="Only so many lines of the end."
)
def logs(tong: str, session: str | None, follow: bool, tail: int | None) -> None:
    """Show what TONG (a tong's name, or its container's) has printed."""
    from compiler.runtime.launcher.docker import Docker
    from compiler.runtime.launcher.listing import find_one, list_tongs
    from compiler.runtime.launcher.owner import own_place

    with _world():
        row = find_one(list_tongs(Docker(), own_place()), tong, session)
        options = ["--follow"] if follow else []
        options += [] if tail is None else ["--tail", str(tail)]
        code = Docker().attach(["docker", "logs", *options, row.container]).wait()
    if code != 0:
        raise WorldError(f"docker logs ended with code {code}")


@click.command("down")
@click.argument("tongs", nargs=-1, metavar="[TONG...]")
def down(tongs: tuple[str, ...]) -> None:
    """Remove shared tongs: those named, or all. A session's tongs go with their session.

    Anonymous volumes go too; named ones stay. A tong that is in use is removed as well.
    """
    from compiler.runtime.launcher.docker import Docker
    from compiler.runtime.launcher.listing import choose_down, list_tongs
    from compiler.runtime.launcher.owner import own_place

    with _world():
        engine = Docker()
        containers = choose_down(list_tongs(engine, own_place()), tongs)
        engine.remove(containers)
    for name in containers:
        click.echo(f"removed {name}")


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
def gc(dry_run: bool) -> None:
    """Remove what launches that were killed have left: their containers and networks.

    Only what a launcher of this host owned that is certainly gone; shared tongs stay.
    """
    from compiler.runtime.launcher import sweep
    from compiler.runtime.launcher.docker import Docker

    with _world():
        engine = Docker()
        left = sweep.find_dead(engine)
        problems = [] if dry_run else sweep.remove_all(engine, left.containers, left.networks)
    verb = "would remove" if dry_run else "removed"
    for name in (*left.containers, *left.networks):
        click.echo(f"{verb} {name}")
    if problems:
        raise WorldError("not all could be removed: " + "; ".join(problems))


COMMANDS = (ps, logs, down, gc)
