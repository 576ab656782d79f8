"""Build -> Inputs: look at every file and folder that the build names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from compiler.checks.scorer_module import module_paths
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.edge.archive import NO_TARS, Tars
from compiler.edge.list_files import list_files
from compiler.edge.outside import warn_outside
from compiler.edge.paths import find_path
from compiler.edge.read_dataset import read_dataset
from compiler.edge.read_installed import read_installed
from compiler.edge.read_seed import read_seed
from compiler.edge.read_tasks import read_inner_tasks, read_partition
from compiler.edge.scan_seed import scan_seed
from compiler.edge.world import WorldError
from compiler.ir.build import Bare, Build, ModeA, ModeB
from compiler.ir.project import BareInputs, Baseline, Inputs, SourceFile
from compiler.passes.hidden_text import HiddenText

type Found = list[Diagnostic]

_MOST_BUILD_FILE: Final = 16 * 1024 * 1024 + 1


def read_build_file(path: Path, shown: str) -> tuple[bytes | None, tuple[Diagnostic, ...]]:
    """The bytes of the build file, or why there are none; of one beyond all bounds, enough to
    see that it is."""
    place = Span(file=shown, line=1, column=1, end_line=1, end_column=1)
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BUILD_FILE), ()
    except OSError as error:
        problem = (error.strerror or "it cannot be read").lower()
        return None, (diagnostic("MOR100", place, path=shown, problem=problem),)


def read_inputs(
    build: ModeA | ModeB, root: Path, tars: Tars = NO_TARS
) -> tuple[Inputs, tuple[Diagnostic, ...]]:
    """What lies below or beside ``root``, the build file's folder, with what is wrong with it.

    The baseline's tar is kept in ``tars`` where they say so. Raises WorldError when git or the
    disk fails.
    """
    found: Found = []
    try:
        if isinstance(build, ModeA):
            inputs = _read_a(build, root, tars, found)
        else:
            inputs = _read_b(build, root, tars, found)
        found.extend(warn_outside(build, root))
    except OSError as error:
        raise WorldError(f"cannot read {error.filename or root}: {error.strerror}") from error
    return inputs, tuple(found)


def read_bare_inputs(build: Bare, root: Path) -> tuple[BareInputs, tuple[Diagnostic, ...]]:
    """The same of a build that optimises nothing."""
    found: Found = []
    try:
        installed = read_installed(build, root, _private_inputs(build), found)
        found.extend(warn_outside(build, root))
    except OSError as error:
        raise WorldError(f"cannot read {error.filename or root}: {error.strerror}") from error
    return BareInputs(build=build, installed=installed), tuple(found)


def _read_a(build: ModeA, root: Path, tars: Tars, found: Found) -> Inputs:
    hidden = HiddenText()
    data = read_dataset(build, root, hidden, found)
    place = build.places.value("task_project")
    project = build.scorer.project
    folder = find_path(build, place, project, "the scorer's folder", root, found, folder=True)
    scorer = () if folder is None else list_files(folder, place, found)
    return Inputs(
        build=build,
        baseline=_read_baseline(build, root, hidden, tars, found),
        data=data,
        scorer=scorer,
        scorer_source=_read_module(build, scorer),
        requirements=_read_requirements(build, root, found),
        template=_read_template(build, root, found),
        installed=read_installed(build, root, _private_inputs(build), found),
    )


def _read_b(build: ModeB, root: Path, tars: Tars, found: Found) -> Inputs:
    hidden = HiddenText()
    data = read_partition(build, root, hidden, found)
    inner, names = read_inner_tasks(build, root, found)
    environments = _read_environments(build, root, found)
    return Inputs(
        build=build,
        baseline=_read_baseline(build, root, hidden, tars, found),
        data=data,
        inner=inner,
        inner_tasks=names,
        environments=environments,
        template=_read_template(build, root, found),
        installed=read_installed(build, root, _private_inputs(build), found),
    )


def _read_environments(build: ModeB, root: Path, found: Found) -> tuple[SourceFile, ...]:
    path = build.harbor.environment_project
    if path is None:
        return ()
    place = build.places.value("harbor", "environment_project")
    what = "the folder of the environment's module"
    folder = find_path(build, place, path, what, root, found, folder=True)
    return () if folder is None else list_files(folder, place, found)


def _read_baseline(
    build: ModeA | ModeB, root: Path, hidden: HiddenText, tars: Tars, found: Found
) -> Baseline | None:
    path, place = build.seed.repository, build.places.value("agent_repo")
    folder = find_path(build, place, path, "the agent's repository", root, found, folder=True)
    if folder is None:
        return None
    baseline, problems = read_seed(build, folder, root)
    found.extend(problems)
    if baseline is None:
        return None
    seeded = list(_refuse_seeded(build, root, baseline))
    found.extend(seeded)
    # A dataset in the seed is one mistake, not one for each of its samples.
    baseline, problems = scan_seed(build, baseline, HiddenText() if seeded else hidden, tars)
    found.extend(problems)
    return baseline


def _refuse_seeded(build: ModeA | ModeB, root: Path, baseline: Baseline) -> Iterator[Diagnostic]:
    """The build file, dataset, scorer, inner tasks must not be among what the optimiser gets."""
    seed = os.fsencode(os.path.realpath(baseline.folder))
    seeded = {os.path.join(seed, entry.path) for entry in baseline.entries if not entry.overlay}
    laid = {os.path.realpath(e.source) for e in baseline.entries if e.overlay and e.source}
    for what, key, path in _private_inputs(build):
        full = os.fsencode(os.path.realpath(root / path))
        near = _lies_in(seed, full) or _lies_in(full, seed)
        if near and any(_lies_in(full, file) for file in seeded):
            place = build.places.value(key)
            yield diagnostic("MOR400", place, what=what, repository=build.seed.repository)
        for overlay in build.seed.overlays:
            source = os.fsencode(os.path.realpath(root / overlay.source))
            if any(_lies_in(full, file) and _lies_in(source, file) for file in laid):
                place = build.places.value(*overlay.path, "source")
                yield diagnostic("MOR400", place, what=what, repository=overlay.source)


def _lies_in(folder: bytes, file: bytes) -> bool:
    return file == folder or file.startswith(os.path.join(folder, b""))


def _private_inputs(build: Build) -> Iterator[tuple[str, str, str]]:
    yield "the build file", "agent_repo", os.path.basename(build.places.file)
    if isinstance(build, Bare):
        return
    if isinstance(build, ModeA):
        yield "the dataset", "dataset", build.dataset
        yield "the scorer", "task_project", build.scorer.project
        return
    if build.inner_task is not None:
        yield "the folder of inner tasks", "inner_task", build.inner_task
    for split, path in build.partition_files:
        yield f"the partition of `{split}`", "partition_files", path


def _read_module(build: ModeA, files: tuple[SourceFile, ...]) -> tuple[str, bytes] | None:
    wanted = module_paths(build.scorer.module)
    file = next((f for path in wanted for f in files if f.path == path), None)
    return None if file is None else (file.path, Path(file.source).read_bytes())


def _read_requirements(build: ModeA, root: Path, found: Found) -> SourceFile | None:
    path = build.scorer.requirements
    if path is None:
        return None
    place = build.places.value("scorer_requirements")
    file = find_path(build, place, path, "the requirements file", root, found, folder=False)
    return SourceFile(path=file.name, source=os.fspath(file), mode=0o644) if file else None


def _read_template(build: ModeA | ModeB, root: Path, found: Found) -> str | None:
    path = build.workbench.instruction_template
    if path is None:
        return None
    place = build.places.value("instruction_template")
    file = find_path(build, place, path, "the instruction template", root, found, folder=False)
    try:
        return file.read_text(encoding="utf-8") if file else None
    except UnicodeDecodeError as error:
        problem = f"it is not UTF-8 at byte {error.start}"
        found.append(diagnostic("MOR330", place, file=path, problem=problem))
        return None
