"""mooring tongs validate, list, with-secrets: definitions, without an engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from compiler.cli.compilation import FORMATS, Input, show_diagnostics
from compiler.cli.tong_layers import takes_layers
from compiler.diagnostics.diagnostic import Diagnostic, has_errors
from compiler.edge.discover_tongs import Discovered, discover_tongs, judge_definitions
from compiler.edge.read_tongs import list_folder, read_definition
from compiler.edge.world import Refused, WorldError
from compiler.ir.tong import Layer, Tong
from compiler.runtime.launcher.providers import ProviderTable
from compiler.surface.build_file import TongDocument

_strict = click.option("--strict", is_flag=True, help="Unknown keys are errors.")
_quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
_format = click.option(
    "--format",
    "output_format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="The form of diagnostics; json and github go to standard output.",
)


@click.command("validate")
@_format
@_strict
@_quiet
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE|DIR]...")
def validate(paths: tuple[Path, ...], output_format: str, strict: bool, quiet: bool) -> None:
    """Say all that is wrong with definitions of tongs.

    A folder stands for the NAME.yaml files in it. Without paths it is .mooring/tongs here.
    """
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    documents: list[TongDocument] = []
    for path in paths or (Path(".mooring/tongs"),):
        if not path.exists():
            raise click.UsageError(f"there is no {path}")
        for file in list_folder(path, found) if path.is_dir() else [path]:
            documents.extend(read_definition(file, os.fspath(file), found))
    texts.update({d.document.places.file: d.document.text for d in documents})
    _, problems = judge_definitions(tuple(documents), strict=strict)
    found.extend(problems)
    _show(found, texts, output_format, quiet=quiet)
    if has_errors(found):
        raise click.exceptions.Exit(2)
    if not quiet and output_format == "text":
        plural = "" if len(documents) == 1 else "s"
        click.echo(f"{len(documents)} definition{plural}, no errors", err=True)


def _show(
    found: list[Diagnostic] | tuple[Diagnostic, ...],
    texts: dict[str, str],
    output_format: str,
    *,
    quiet: bool,
) -> None:
    given = Input(
        path=Path(), shown="", params={}, output_format=output_format, quiet=quiet, strict=False
    )
    show_diagnostics(found, texts, given)


@click.command("list")
@takes_layers
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_strict
def list_tongs(layers: dict[Layer, Path], workspace: Path, as_json: bool, strict: bool) -> None:
    """Show the tongs that a launch here would have, where each comes from, and what it hides."""
    discovered = discover_tongs(layers, strict=strict)
    _show(discovered.found, discovered.texts, "text", quiet=False)
    if as_json:
        click.echo(json.dumps(_as_data(discovered), indent=2))
    else:
        for line in _as_lines(discovered):
            click.echo(line)
    if has_errors(discovered.found):
        raise click.exceptions.Exit(2)


def _as_data(discovered: Discovered) -> dict[str, Any]:
    return {
        "tongs": [
            {**_described(each.tong), "hides": [_described(t) for t in each.hides]}
            for each in discovered.layered.tongs
        ],
        "disabled": [
            {
                "name": each.by.name,
                "layer": each.layer.value,
                "file": each.by.places.file,
                "hides": [_described(t) for t in each.hides],
            }
            for each in discovered.layered.removed
        ],
    }


def _described(tong: Tong) -> dict[str, str]:
    return {
        "name": tong.name,
        "lifecycle": tong.lifecycle.value,
        "interface": tong.interface.kind.value,
        "image": tong.image,
        "layer": tong.layer.value,
        "file": tong.places.file,
    }


def _as_lines(discovered: Discovered) -> Iterator[str]:
    if not discovered.layered.tongs:
        yield "no tongs"
    for each in discovered.layered.tongs:
        tong = each.tong
        what = f"{tong.lifecycle.value}, {tong.interface.kind.value}, {tong.image}"
        yield f"{tong.name}: {what}"
        yield f"  from the {tong.layer.value} layer: {tong.places.file}"
        for hidden in each.hides:
            yield f"  hides that of the {hidden.layer.value} layer: {hidden.places.file}"
    for removed in discovered.layered.removed:
        yield f"{removed.by.name}: disabled"
        yield f"  by the {removed.layer.value} layer: {removed.by.places.file}"
        for hidden in removed.hides:
            yield f"  hides that of the {hidden.layer.value} layer: {hidden.places.file}"


@click.command("with-secrets", context_settings={"allow_interspersed_args": False})
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def with_secrets(file: Path, argv: tuple[str, ...]) -> None:
    """Run COMMAND with the secrets that FILE lists in its environment, and nowhere else.

    FILE is a compiled run/secrets.json. A variable that is set already is left as it is; the value
    of another comes from the program that ~/.mooring/secret-providers.yaml gives for its provider.
    """
    # Click leaves the dashes behind the first argument where they are.
    command = argv[1:] if argv[0] == "--" else argv
    if not command:
        raise click.UsageError("name the command to run behind `--`")
    environment = {**os.environb}
    for variable, value in _resolve(_read_references(file)):
        environment[variable.encode()] = value
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        raise WorldError(f"cannot run {command[0]}: {error.strerror}") from error


def _resolve(references: list[tuple[str, str, str]]) -> Iterator[tuple[str, bytes]]:
    from compiler.runtime.launcher.errors import LaunchError
    from compiler.runtime.launcher.providers import SECONDS, resolve

    missing = [each for each in references if not os.environ.get(each[0])]
    table = _read_table() if missing else None
    for variable, provider, reference in missing:
        assert table is not None
        try:
            yield variable, resolve(table, provider, reference, SECONDS)
        except LaunchError as error:
            hint = f": {error.hint}" if error.hint else ""
            raise Refused(f"{error.message}{hint}") from error


def _read_table() -> ProviderTable:
    from compiler.cli.provider_table import HOME, TABLE_NAME, decode_table, read_table

    path = Path(HOME).expanduser() / TABLE_NAME
    try:
        data, shown = read_table(path, needed=False)
    except OSError as error:
        raise WorldError(f"cannot read {path}: {error.strerror}") from error
    table, problems = decode_table(data, shown)
    _show(problems, {shown: data.decode("utf-8", "replace")}, "text", quiet=False)
    if table is None:
        raise click.exceptions.Exit(2)
    return table


def _read_references(file: Path) -> list[tuple[str, str, str]]:
    try:
        listed = json.loads(file.read_text(encoding="utf-8"))["secrets"]
        return [(each["variable"], each["provider"], each["reference"]) for each in listed]
    except OSError as error:
        raise WorldError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise click.UsageError(f"{file} is not a list of secrets that mooring wrote") from error


COMMANDS: Final = (validate, list_tongs, with_secrets)
