"""What every command does first: read a build file with all it names, and say what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from compiler import pipeline
from compiler.diagnostics.diagnostic import Diagnostic, Severity, has_errors, ordered
from compiler.edge.read_project import read_build_file, read_project
from compiler.ir.project import Project

BUILD_NAME = "build.yaml"
FORMATS = ("text", "json", "github")
_MOST_SOURCE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The build file: where it is, how it is shown, its parameters, how to complain about it."""

    path: Path
    shown: str
    params: dict[str, str]
    output_format: str
    quiet: bool


def takes_input[F: Callable[..., Any]](function: F) -> Callable[..., Any]:
    """Gives a command the argument BUILD with its options; it gets one ``given: Input``."""

    def command(
        *, build: str, params: tuple[str, ...], output_format: str, quiet: bool, **rest: Any
    ) -> Any:
        shown = os.path.join(build, BUILD_NAME) if os.path.isdir(build) else build
        given = Input(
            path=Path(shown),
            shown=shown,
            params=dict(_parse_param(param) for param in params),
            output_format=output_format,
            quiet=quiet,
        )
        return function(given, **rest)

    command.__doc__ = function.__doc__
    # Click reverses this: BUILD stands before the arguments of the command's own.
    params = [*_input_options(), *getattr(function, "__click_params__", []), _build_argument()]
    command.__click_params__ = params  # type: ignore[attr-defined]
    return command


def _build_argument() -> click.Parameter:
    return click.Argument(["build"], metavar="BUILD", type=click.Path())


def _input_options() -> list[click.Parameter]:
    """In reverse of the order in which help shows them, as click's decorators leave them."""
    return [
        click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing but errors."),
        click.Option(
            ["--format", "output_format"],
            type=click.Choice(FORMATS),
            default="text",
            show_default=True,
            help="The form of diagnostics; json and github go to standard output.",
        ),
        click.Option(
            ["--param", "params"],
            multiple=True,
            metavar="NAME=VALUE",
            help="Set a parameter of the build file. May be repeated.",
        ),
    ]


def _parse_param(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"`{text}` is not NAME=VALUE", param_hint="--param")
    return name, value


def load_project(given: Input) -> Project:
    """The project without errors; otherwise all is printed and the command ends with code 2."""
    project, texts, found = _read(given)
    show_diagnostics(found, texts, given)
    if project is None or has_errors(found):
        raise click.exceptions.Exit(2)
    return project


def _read(given: Input) -> tuple[Project | None, dict[str, str], list[Diagnostic]]:
    data, problems = read_build_file(given.path, given.shown)
    found = list(problems)
    if data is None:
        return None, {}, found
    build, text, problems = pipeline.understand(data, given.shown, given.params)
    found.extend(problems)
    if build is None:
        return None, {given.shown: text}, found
    project, problems = read_project(build, given.path.parent)
    found.extend(problems)
    if project is not None:
        found.extend(pipeline.judge(project))
    return project, {given.shown: text}, found


def show_diagnostics(found: Iterable[Diagnostic], texts: dict[str, str], given: Input) -> None:
    """Print them in the order of their places, in the form that the command line asks for."""
    in_order = ordered(d for d in found if not given.quiet or d.severity is Severity.ERROR)
    if given.output_format == "json":
        from compiler.diagnostics.render_json import render_json

        click.echo(render_json(in_order), nl=False)
    elif given.output_format == "github":
        from compiler.diagnostics.render_github import render_github

        click.echo(render_github(in_order), nl=False)
    elif in_order:
        _show_text(in_order, texts)


def _show_text(in_order: tuple[Diagnostic, ...], texts: dict[str, str]) -> None:
    from compiler.diagnostics.render_text import render_summary, render_text

    for file in {d.span.file for d in in_order} - set(texts):
        texts[file] = _source_text(file)
    # https://no-color.org: any value but the empty one switches colour off.
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    click.echo(render_text(in_order, texts, color=color), err=True, color=color)
    click.echo(render_summary(in_order), err=True)


def _source_text(file: str) -> str:
    try:
        with open(file, "rb") as source:
            return source.read(_MOST_SOURCE).decode("utf-8", "replace")
    except OSError:
        return ""
