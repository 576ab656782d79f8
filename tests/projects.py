"""A small complete build to vary: its keys, its folders, and its way through the compiler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from compiler import pipeline
from compiler.diagnostics.diagnostic import Diagnostic, has_errors
from compiler.edge.archive import Tars
from compiler.edge.read_project import read_inputs
from compiler.ir.build import Bare, Build, ModeA
from compiler.ir.project import Project
from compiler.output.file_set import FileSet
from compiler.passes.lower_task import lower_task
from compiler.pipeline import CompiledTask

REQUIRED: Final[Mapping[str, Any]] = {
    "name": "org/small",
    "agent_repo": "agent",
    "mode": "A",
    "dataset": "data",
    "input_fields": ["question"],
    "command": ["python3", "{workspace}/solve.py", "{input}", "{output}"],
    "task_project": "scorer",
    "task_module": "scorer",
    "splits": [
        {"split": "train", "access": "viewable"},
        {"split": "validation", "access": "non_viewable"},
        {"split": "test", "access": "no_access"},
    ],
    "selection_split": "validation",
    "targets": [{"split": "test"}],
}
# What makes a build of mode B of it.
MODE_B: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("dataset", "input_fields", "command", "task_project", "task_module")),
    "mode": "B",
    "harbor": {"agent_import_path": "solver:Agent"},
    "inner_task": "tasks",
    "partition": {
        "train": ["apple", "pear"],
        "validation": ["fig", "plum", "quince", "grape", "cherry"],
        "test": ["mango"],
    },
    "secrets": ["MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"],
}
TASKS: Final = tuple(name for names in MODE_B["partition"].values() for name in names)
SCORER: Final = "def score(sample, output):\n    return float(sample['label'] == output)\n"
SOLVE: Final = "print('solve')\n"
SAMPLES: Final = 6
SPLITS: Final = ("test", "train", "validation")


def keys(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The keys of the build; a change to None leaves a key out."""
    merged = {**REQUIRED, **(changes or {})}
    return {key: value for key, value in merged.items() if value is not None}


def render(data: Mapping[str, Any]) -> str:
    """YAML with one key of the top a line, in order; values in JSON, which YAML reads."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in data.items())


def line_of(data: Mapping[str, Any], key: str) -> int:
    """The line on which ``render`` writes a key."""
    return list(data).index(key) + 1


def understand(
    changes: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
) -> tuple[Build | None, tuple[Diagnostic, ...]]:
    """The build with these changes, as far as the text alone says, and the complaints."""
    text = render(keys(changes)).encode()
    build, _, found = pipeline.understand(text, "build.yaml", params or {})
    return build, found


def build_of(changes: Mapping[str, Any] | None = None) -> Build:
    """The build with these changes, which has no errors."""
    build, found = understand(changes)
    assert build is not None, found
    assert not has_errors(found), found
    return build


def task_of(changes: Mapping[str, Any] | None = None) -> ModeA:
    """The same, for what only a build of mode A has."""
    build = build_of(changes)
    assert isinstance(build, ModeA)
    return build


def write_project(
    folder: Path, changes: Mapping[str, Any] | None = None, *, agent: bool = True
) -> Path:
    """The build file and all that it names, below ``folder``; the build file's path."""
    if agent:
        (folder / "agent").mkdir(parents=True)
        (folder / "agent" / "solve.py").write_text(SOLVE)
    (folder / "data").mkdir(parents=True)
    for split in SPLITS:
        write_rows(
            folder, split, [{"question": f"{split} {i}", "label": i} for i in range(SAMPLES)]
        )
    (folder / "scorer").mkdir()
    (folder / "scorer" / "scorer.py").write_text(SCORER)
    return write_build(folder, changes)


def mode_b(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Changes that make a build of mode B, with these upon them."""
    return {**MODE_B, **(changes or {})}


def write_project_b(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """A build of mode B and all that it names, below ``folder``; the build file's path."""
    (folder / "agent").mkdir(parents=True)
    (folder / "agent" / "solver.py").write_text("class Agent: ...\n")
    for name in TASKS:
        (folder / "tasks" / name).mkdir(parents=True)
        (folder / "tasks" / name / "task.toml").write_text('schema_version = "1.4"\n')
    return write_build(folder, mode_b(changes))


def write_rows(folder: Path, split: str, rows: list[Any]) -> None:
    """A split's file."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "data" / f"{split}.jsonl").write_text(text)


def write_build(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """The build file alone."""
    (folder / "build.yaml").write_text(render(keys(changes)))
    return folder / "build.yaml"


def read(
    build_file: Path, spool: IO[bytes] | None = None
) -> tuple[Project | None, tuple[Diagnostic, ...]]:
    """The project that a build file describes, and every complaint about it."""
    build, _, found = pipeline.understand(build_file.read_bytes(), str(build_file), {})
    if build is None:
        return None, found
    assert not isinstance(build, Bare)
    inputs, problems = read_inputs(build, build_file.parent, Tars(spool=spool))
    found = (*found, *problems, *pipeline.judge(inputs))
    if has_errors(found):
        return None, found
    project, _, problems = pipeline.plan(inputs)
    found = (*found, *problems)
    return (None if has_errors(found) else project), found


def project_of(build_file: Path, spool: IO[bytes] | None = None) -> Project:
    """The project that a build file without errors describes."""
    project, found = read(build_file, spool)
    assert project is not None, found
    assert not has_errors(found), found
    return project


def compiled_of(build_file: Path, spool: IO[bytes] | None = None) -> CompiledTask:
    """The compilation of a build file without errors; its tar is kept in ``spool`` alone."""
    project = project_of(build_file, spool)
    return pipeline.emit(project, lower_task(project))


def files_of(build_file: Path) -> FileSet:
    """What a build file without errors compiles to, without the manifest."""
    return compiled_of(build_file).files


def codes(found: tuple[Diagnostic, ...]) -> list[str]:
    """The codes of the complaints, in their order."""
    return [d.code for d in found]
