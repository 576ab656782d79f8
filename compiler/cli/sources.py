"""The inputs of a build as places, which an output must lie apart from."""

from __future__ import annotations

from pathlib import Path

from compiler.ir.build import Bare, Build, ModeA, ModeB


def list_sources(build: Build, root: Path) -> dict[str, Path]:
    """What each input is, and where it lies."""
    files = build.gateways.files if build.gateways else ()
    found = {
        **{f"the file {i} of gateways": f.source for i, f in enumerate(files, start=1)},
        **({} if isinstance(build, Bare) else _list_task(build)),
    }
    return {what: root / path for what, path in found.items() if path is not None}


def _list_task(build: ModeA | ModeB) -> dict[str, str | None]:
    return {
        "the agent's repository": build.seed.repository,
        "the instruction template": build.workbench.instruction_template,
        **{f"the overlay {i}": o.source for i, o in enumerate(build.seed.overlays, start=1)},
        **(_list_a(build) if isinstance(build, ModeA) else _list_b(build)),
    }


def _list_a(build: ModeA) -> dict[str, str | None]:
    return {
        "the dataset": build.dataset,
        "the scorer": build.scorer.project,
        "the requirements file": build.scorer.requirements,
    }


def _list_b(build: ModeB) -> dict[str, str | None]:
    files = {f"the partition of {split}": path for split, path in build.partition_files}
    return {
        "the folder of inner tasks": build.inner_task,
        "the folder of the environment's module": build.harbor.environment_project,
        **files,
    }
