"""What every command does first: read a build file with all it names, and say what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from compiler import pipeline
from compiler.diagnostics.diagnostic import Diagnostic, has_errors, ordered
from compiler.diagnostics.render import render_summary, render_text
from compiler.edge.read_project import read_build_file, read_project
from compiler.ir.project import Project

BUILD_NAME = "build.yaml"
_MOST_SOURCE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The build file: where it is, how it is shown, and the parameters given for it."""

    path: Path
    shown: str
    params: dict[str, str]


def input_options[F: Callable[..., object]](function: F) -> F:
    """The argument BUILD and the option --param."""
    function = click.option(
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a parameter of the build file. May be repeated.",
    )(function)
    return click.argument("build", metavar="BUILD", type=click.Path())(function)


def make_input(build: str, params: Iterable[str]) -> Input:
    """The input that the command line names: a file, or a folder that holds build.yaml."""
    shown = os.path.join(build, BUILD_NAME) if os.path.isdir(build) else build
    return Input(path=Path(shown), shown=shown, params=dict(_parse_param(p) for p in params))


def _parse_param(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"`{text}` is not NAME=VALUE", param_hint="--param")
    return name, value


def load_project(given: Input) -> Project:
    """The project without errors; otherwise all is printed and the command ends with code 2."""
    project, texts, found = _read(given)
    show_diagnostics(found, texts)
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


def show_diagnostics(found: Iterable[Diagnostic], texts: dict[str, str]) -> None:
    """Print them to standard error, in the order of their places, with a count at the end."""
    in_order = ordered(found)
    if not in_order:
        return
    for file in {d.span.file for d in in_order} - set(texts):
        texts[file] = _source_text(file)
    click.echo(render_text(in_order, texts), err=True)
    click.echo(render_summary(in_order), err=True)
    sys.stderr.flush()


def _source_text(file: str) -> str:
    try:
        with open(file, "rb") as source:
            return source.read(_MOST_SOURCE).decode("utf-8", "replace")
    except OSError:
        return ""
