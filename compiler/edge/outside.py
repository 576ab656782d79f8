"""Inputs that lie outside the project: others who check it out will not have them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.edge import git
from compiler.edge.list_files import lies_in
from compiler.ir.build import Bare, Build, ModeB
from compiler.source.document import Path as Place
from compiler.surface.build_file import TongPath


def warn_outside(build: Build, root: Path) -> Iterator[Diagnostic]:
    """MOR331 for each path that leaves the build file's git repository, or else its folder."""
    project = git.find_top(root) or os.path.realpath(root)
    for key, path in _paths(build):
        if not lies_in(project, os.path.realpath(root / path)):
            yield diagnostic("MOR331", build.places.value(*key), path=path)


def _paths(build: Build) -> Iterator[tuple[Place, str]]:
    for file in build.gateways.files if build.gateways else ():
        yield (*file.path, "source"), file.source
    for source in build.sidecars.sources:
        if isinstance(source, TongPath):
            yield ("tongs", source.index), source.path
    if isinstance(build, Bare):
        return
    yield ("agent_repo",), build.seed.repository
    for overlay in build.seed.overlays:
        yield (*overlay.path, "source"), overlay.source
    if build.workbench.instruction_template is not None:
        yield ("instruction_template",), build.workbench.instruction_template
    if isinstance(build, ModeB):
        if build.inner_task is not None:
            yield ("inner_task",), build.inner_task
        if build.harbor.environment_project is not None:
            yield ("harbor", "environment_project"), build.harbor.environment_project
        for split, path in build.partition_files:
            yield ("partition_files", split), path
        return
    yield ("dataset",), build.dataset
    yield ("task_project",), build.scorer.project
    if build.scorer.requirements is not None:
        yield ("scorer_requirements",), build.scorer.requirements
