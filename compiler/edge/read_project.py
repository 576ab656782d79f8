"""Build -> Project: look at every file and folder that the build names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from compiler.checks.dataset_rows import check_rows
from compiler.checks.scorer_module import check_scorer_source
from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.span import Span
from compiler.edge.read_seed import read_seed
from compiler.edge.world import WorldError
from compiler.ir.build import Build
from compiler.ir.project import Baseline, Project, SourceFile, SplitData

_MOST_BUILD_FILE: Final = 16 * 1024 * 1024 + 1
_NOT_COPIED: Final = frozenset(
    ("__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache")
)


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


def read_project(build: Build, root: Path) -> tuple[Project | None, tuple[Diagnostic, ...]]:
    """The facts about all inputs below or beside ``root``, the build file's folder.

    None when there is no baseline to go on with. Raises WorldError when git or the disk fails.
    """
    try:
        return _read_project(build, root)
    except OSError as error:
        raise WorldError(f"cannot read {error.filename or root}: {error.strerror}") from error


def _read_project(build: Build, root: Path) -> tuple[Project | None, tuple[Diagnostic, ...]]:
    found: list[Diagnostic] = []
    baseline = _read_baseline(build, root, found)
    data = _read_dataset(build, root, found)
    scorer = _read_scorer(build, root, found)
    requirements = _read_requirements(build, root, found)
    if baseline is None:
        return None, tuple(found)
    project = Project(
        build=build, baseline=baseline, data=data, scorer=scorer, requirements=requirements
    )
    return project, tuple(found)


def _existing(
    build: Build,
    key: str,
    path: str,
    what: str,
    root: Path,
    found: list[Diagnostic],
    *,
    folder: bool,
) -> Path | None:
    place = build.places.value(key)
    full = root / path
    resolved = os.path.normpath(os.path.join(os.path.dirname(build.places.file), path))
    if not os.path.exists(full):
        found.append(diagnostic("MOR300", place, what=what, path=path, resolved=resolved))
    elif not (full.is_dir() if folder else full.is_file()):
        expected = "folder" if folder else "file"
        found.append(
            diagnostic("MOR301", place, what=what, path=path, expected=expected, resolved=resolved)
        )
    else:
        return full
    return None


def _read_baseline(build: Build, root: Path, found: list[Diagnostic]) -> Baseline | None:
    path = build.seed.repository
    folder = _existing(
        build, "agent_repo", path, "the agent's repository", root, found, folder=True
    )
    if folder is None:
        return None
    baseline, problems = read_seed(build, folder)
    found.extend(problems)
    if baseline is not None:
        found.extend(_refuse_seeded(build, root, baseline))
    return baseline


def _refuse_seeded(build: Build, root: Path, baseline: Baseline) -> Iterator[Diagnostic]:
    """The build file, dataset and scorer must not be among the files that the optimiser gets."""
    seed = os.fsencode(os.path.realpath(baseline.folder))
    seeded = [os.path.join(seed, entry.path) for entry in baseline.entries]
    inputs = (
        ("the build file", "agent_repo", os.path.basename(build.places.file)),
        ("the dataset", "dataset", build.dataset),
        ("the scorer", "task_project", build.scorer.project),
    )
    for what, key, path in inputs:
        full = os.fsencode(os.path.realpath(root / path))
        if any(file == full or file.startswith(full + b"/") for file in seeded):
            place = build.places.value(key)
            yield diagnostic("MOR400", place, what=what, repository=build.seed.repository)


def _contains(folder: str, path: str) -> bool:
    return os.path.commonpath([folder, path]) == folder


def _read_dataset(build: Build, root: Path, found: list[Diagnostic]) -> tuple[SplitData, ...]:
    folder = _existing(
        build, "dataset", build.dataset, "the dataset folder", root, found, folder=True
    )
    if folder is None:
        return ()
    files = sorted(f for f in folder.iterdir() if f.suffix == ".jsonl" and f.is_file())
    if not files:
        found.append(diagnostic("MOR310", build.places.value("dataset")))
    return tuple(_read_split(build, file, found) for file in files)


def _read_split(build: Build, file: Path, found: list[Diagnostic]) -> SplitData:
    shown = os.path.normpath(
        os.path.join(os.path.dirname(build.places.file), build.dataset, file.name)
    )
    with file.open("rb") as lines:
        samples, problems = check_rows(lines, shown, build.input_fields)
    found.extend(problems)
    return SplitData(split=file.stem, file=file.name, source=os.fspath(file), samples=samples)


def _read_scorer(build: Build, root: Path, found: list[Diagnostic]) -> tuple[SourceFile, ...]:
    project = build.scorer.project
    folder = _existing(
        build, "task_project", project, "the scorer's folder", root, found, folder=True
    )
    if folder is None:
        return ()
    files = list_files(folder, build.places.value("task_project"), found)
    sources = {f.path: f.source for f in files}
    found.extend(check_scorer_source(build, sources, lambda path: Path(path).read_bytes()))
    return files


def _read_requirements(build: Build, root: Path, found: list[Diagnostic]) -> SourceFile | None:
    path = build.scorer.requirements
    if path is None:
        return None
    what = "the requirements file"
    file = _existing(build, "scorer_requirements", path, what, root, found, folder=False)
    return SourceFile(path=file.name, source=os.fspath(file), mode=0o644) if file else None


def list_files(folder: Path, place: Span, found: list[Diagnostic]) -> tuple[SourceFile, ...]:
    """Every file below ``folder`` but caches and git's, sorted; reports what cannot be copied."""
    files: list[SourceFile] = []
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in _NOT_COPIED)
        links = [f for f in folders if os.path.islink(os.path.join(at, f))]
        for name in [*names, *links]:
            if name.endswith(".pyc") or name in _NOT_COPIED:
                continue
            full = os.path.join(at, name)
            path = os.path.relpath(full, folder).replace(os.sep, "/")
            file = _source_file(full, path, os.path.realpath(folder))
            if isinstance(file, SourceFile):
                files.append(file)
            else:
                found.append(diagnostic("MOR323", place, path=path, kind=file))
    return tuple(sorted(files, key=lambda f: f.path))


def _source_file(full: str, path: str, folder: str) -> SourceFile | str:
    mode = os.lstat(full).st_mode
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "file whose name is not UTF-8"
    if stat.S_ISLNK(mode):
        target = os.readlink(full)
        inside = not os.path.isabs(target) and _contains(folder, os.path.realpath(full))
        return (
            SourceFile(path=path, source=full, mode=0o777, link=target)
            if inside
            else "link that leaves the folder"
        )
    if not stat.S_ISREG(mode):
        return "special file"
    return SourceFile(path=path, source=full, mode=0o755 if mode & stat.S_IXUSR else 0o644)
