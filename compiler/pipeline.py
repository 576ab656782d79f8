"""The ordered passes of a compilation. Pure: reading and writing lie at its two ends.

bytes -> Document -> BuildFile -> Build -> [the edge] -> Inputs -> Project -> TaskPlan -> files
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.checks.registry import check_bare, check_build, check_inputs, check_plan, check_tongs
from compiler.diagnostics.diagnostic import Diagnostic, has_errors
from compiler.ir.build import Bare, Build
from compiler.ir.project import BareInputs, Inputs, Project, complete
from compiler.ir.task_plan import Plan, TaskPlan
from compiler.ir.tong import Layer, Tong
from compiler.output.file_set import FileSet
from compiler.passes.fill_defaults import fill_defaults
from compiler.passes.gather_tongs import gather_tongs
from compiler.passes.lower_bare import lower_bare
from compiler.passes.lower_task import lower_task
from compiler.passes.substitute_params import substitute_params
from compiler.source.read_yaml import read_yaml
from compiler.surface.build_file import TongDocument
from compiler.surface.decode import decode_build
from compiler.targets.bare.files import render_bare
from compiler.targets.harbor.files import render_task
from compiler.targets.rendered_checks import check_rendered

type Found = tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A compilation without errors."""

    plan: Plan
    files: FileSet


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTask(Compiled):
    """That of a Harbor task."""

    project: Project


def understand(
    data: bytes, file: str, params: Mapping[str, str]
) -> tuple[Build | None, str, Found]:
    """The build in ``data`` (None when it has errors), its text, and what there is to say."""
    document, found = read_yaml(data, file)
    if document is None:
        return None, data.decode("utf-8", "replace"), found
    document, unresolved = substitute_params(document, params)
    written, misshapen = decode_build(document)
    # What is wrong with a value that was never found says nothing more.
    known = {d.span for d in unresolved}
    found = (*found, *unresolved, *(d for d in misshapen if d.span not in known))
    if written is None or has_errors(found):
        return None, document.text, found
    build = fill_defaults(written)
    more = check_bare(build) if isinstance(build, Bare) else check_build(build)
    return build, document.text, (*found, *more)


def sidecars(
    build: Build, documents: Sequence[TongDocument], *, strict: bool
) -> tuple[tuple[Tong, ...], Found]:
    """The tongs that count in a build, and what there is to say about all of them."""
    gathered = gather_tongs(documents, Layer.BUILD, strict=strict)
    return gathered.tongs, (*gathered.found, *check_tongs(build, gathered.tongs, gathered.names))


def judge(inputs: Inputs) -> Found:
    """What there is to say about the build with its inputs."""
    return (*check_inputs(inputs), *check_rendered(inputs))


def plan(inputs: Inputs) -> tuple[Project, TaskPlan, Found]:
    """The plan of a build without errors, and what there is to say about it."""
    project = complete(inputs)
    lowered = lower_task(project)
    return project, lowered, check_plan(project.build, lowered, project.inputs.tongs)


def plan_bare(inputs: BareInputs) -> tuple[Plan, Found]:
    """The same of a build that optimises nothing."""
    lowered = lower_bare(inputs)
    return lowered, check_plan(inputs.build, lowered, inputs.tongs)


def emit(project: Project, lowered: TaskPlan) -> CompiledTask:
    """The files of a plan without errors."""
    return CompiledTask(project=project, plan=lowered, files=render_task(project, lowered))


def emit_bare(inputs: BareInputs, lowered: Plan) -> Compiled:
    """The same of a build that optimises nothing."""
    return Compiled(plan=lowered, files=render_bare(inputs, lowered))
