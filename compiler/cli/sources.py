"""The inputs of a build as places, which an output must lie apart from."""

from __future__ import annotations

from pathlib import Path

from compiler.cli.compilation import Input
from compiler.ir.project import Project


def list_sources(given: Input, project: Project) -> dict[str, Path]:
    """What each input is, and where it lies."""
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
