"""What every command does first: read a build file with all it names, and say what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from compiler import contracts, pipeline
from compiler.cli.progress import show_writes
from compiler.cli.sources import list_sources
from compiler.diagnostics.diagnostic import Diagnostic, Severity, has_errors, ordered
from compiler.edge.archive import NO_TARS, Tars, keep_spool, open_former
from compiler.edge.read_project import read_bare_inputs, read_build_file, read_inputs
from compiler.edge.read_tongs import read_tongs
from compiler.ir.build import Bare, Build, ModeA, ModeB
from compiler.ir.tong import Tong
from compiler.output.file_set import FileSet
from compiler.pipeline import Compiled

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
    strict: bool


def takes_input[F: Callable[..., Any]](function: F) -> Callable[..., Any]:
    """Gives a command the argument BUILD with its options; it gets one ``given: Input``."""
    return _wrap(function, click.Argument(["build"], metavar="BUILD", type=click.Path()))


def takes_inputs[F: Callable[..., Any]](function: F) -> Callable[..., Any]:
    """The same with BUILD once or more; the command gets a ``given: tuple[Input, ...]``."""
    return _wrap(
        function,
        click.Argument(["build"], metavar="BUILD...", type=click.Path(), nargs=-1, required=True),
    )


def _wrap(function: Callable[..., Any], argument: click.Argument) -> Callable[..., Any]:
    def command(
        *,
        build: str | tuple[str, ...],
        params: tuple[str, ...],
        output_format: str,
        quiet: bool,
        strict: bool,
        **rest: Any,
    ) -> Any:
        parsed = dict(_parse_param(param) for param in params)

        def read(name: str) -> Input:
            shown = os.path.join(name, BUILD_NAME) if os.path.isdir(name) else name
            return Input(
                path=Path(shown),
                shown=shown,
                params=parsed,
                output_format=output_format,
                quiet=quiet,
                strict=strict,
            )

        return function(read(build) if isinstance(build, str) else tuple(map(read, build)), **rest)

    command.__doc__ = function.__doc__
    # Click reverses this: BUILD stands before the arguments of the command's own.
    params = [*_input_options(), *getattr(function, "__click_params__", []), argument]
    command.__click_params__ = params  # type: ignore[attr-defined]
    return command


def _input_options() -> list[click.Parameter]:
    """In reverse of the order in which help shows them, as click's decorators leave them."""
    return [
        click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing but errors."),
        click.Option(["--strict"], is_flag=True, help="Unknown keys of tongs are errors."),
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
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise click.BadParameter(f"{text!a} is not UTF-8", param_hint="--param") from error
    return name, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A compilation without errors; ``compiled`` is None where there is nothing to write.

    ``tars`` are here to stay open as long as the files may be read.
    """

    name: str
    compiled: Compiled | None
    sources: dict[str, Path]
    tars: Tars = NO_TARS

    @property
    def files(self) -> FileSet:
        """What there is to write, without the manifest."""
        return {} if self.compiled is None else self.compiled.files


def compile_input(
    given: Input,
    *,
    keep: Path | None = None,
    former: Path | None = None,
    look: Callable[[FileSet], Iterable[Diagnostic]] | None = None,
) -> Outcome:
    """The compilation; on errors everything is printed and the command ends with code 2.

    With ``keep``, a folder or one to be, the files can be written: what is too large for memory is
    kept on its disk meanwhile. ``former`` is the folder that an earlier run wrote, from which what
    is still right need not be made again. ``look`` may have more to say about the files: all is
    printed once.
    """
    (outcome,) = compile_inputs((given,), keep=keep, former=former, look=look)
    return outcome


def compile_inputs(
    several: Sequence[Input],
    *,
    keep: Path | None = None,
    former: Path | None = None,
    look: Callable[[FileSet], Iterable[Diagnostic]] | None = None,
) -> list[Outcome]:
    """The same for several build files, with all that is wrong with any of them."""
    outcomes: list[Outcome | None] = []
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    for given in several:
        read = _Reading(given=given, tars=_open_tars(given, keep, former))
        outcome = read.run()
        if outcome is not None and look is not None:
            read.found.extend(look(outcome.files))
        outcomes.append(outcome)
        found += read.found
        texts |= read.texts
    show_diagnostics(found, texts, several[0])
    complete = [outcome for outcome in outcomes if outcome is not None]
    if len(complete) < len(outcomes):
        raise click.exceptions.Exit(2)
    return complete


def _open_tars(given: Input, keep: Path | None, former: Path | None) -> Tars:
    """They are closed when the command ends."""
    context = click.get_current_context()
    spool = None if keep is None else context.with_resource(keep_spool(keep))
    old = None if former is None else open_former(former / contracts.BASELINE_TAR)
    return Tars(
        spool=None if spool is None else show_writes(spool, quiet=given.quiet),
        former=None if old is None else context.with_resource(old),
    )


@dataclass
class _Reading:
    """One walk from the file to the plan, collecting what there is to say on the way."""

    given: Input
    tars: Tars
    found: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def run(self) -> Outcome | None:
        data, problems = read_build_file(self.given.path, self.given.shown)
        self.found.extend(problems)
        if data is None:
            return None
        build, text, problems = pipeline.understand(data, self.given.shown, self.given.params)
        self.texts[self.given.shown] = text
        self.found.extend(problems)
        if build is None:
            return None
        root = self.given.path.parent
        sources = {"the build file": self.given.path, **list_sources(build, root)}
        tongs, files = self._read_tongs(build)
        sources |= {f"the tong {path.name}": path for path in files}
        if isinstance(build, Bare):
            return self._compile_bare(build, tongs, sources)
        return self._compile(build, tongs, sources)

    def _read_tongs(self, build: Build) -> tuple[tuple[Tong, ...], tuple[Path, ...]]:
        documents, files, problems = read_tongs(build, self.given.path.parent)
        self.found.extend(problems)
        self.texts.update({d.document.places.file: d.document.text for d in documents})
        tongs, problems = pipeline.sidecars(build, documents, strict=self.given.strict)
        self.found.extend(problems)
        return tongs, files

    def _compile_bare(
        self, build: Bare, tongs: tuple[Tong, ...], sources: dict[str, Path]
    ) -> Outcome | None:
        read, problems = read_bare_inputs(build, self.given.path.parent)
        inputs = replace(read, tongs=tongs)
        self.found.extend(problems)
        if has_errors(self.found):
            return None
        if build.empty:
            return Outcome(name=build.name, compiled=None, sources=sources)
        plan, problems = pipeline.plan_bare(inputs)
        self.found.extend(problems)
        if has_errors(self.found):
            return None
        compiled = pipeline.emit_bare(inputs, plan)
        return Outcome(name=build.name, compiled=compiled, sources=sources)

    def _compile(
        self, build: ModeA | ModeB, tongs: tuple[Tong, ...], sources: dict[str, Path]
    ) -> Outcome | None:
        read, problems = read_inputs(build, self.given.path.parent, self.tars)
        inputs = replace(read, tongs=tongs)
        self.found.extend((*problems, *pipeline.judge(inputs)))
        if has_errors(self.found):
            return None
        project, plan, problems = pipeline.plan(inputs)
        self.found.extend(problems)
        if has_errors(self.found):
            return None
        compiled = pipeline.emit(project, plan)
        return Outcome(name=build.name, compiled=compiled, sources=sources, tars=self.tars)


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
