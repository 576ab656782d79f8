"""Tasks for tests to build: the cases of fixtures/ok, changed where a test needs them otherwise."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.docker import engine
from tests.independent_count import WORD_PROBLEMS

ROOT = Path(__file__).resolve().parent.parent.parent
type Build = dict[str, Any]
type Change = Callable[[Path, Build], None]


def compile_task(
    scratch: Path, task: Path, change: Change | None = None, *, case: Path = WORD_PROBLEMS
) -> Path:
    """Compiles a copy of a case's input into the folder `task`, by the product's own command.

    `change` gets the copy's folder and the decoded build file, and changes either. The copy stays
    in `scratch`.
    """
    source = scratch / f"{task.name}-input"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(case / "input", source, ignore=ignore)
    build: Build = YAML(typ="safe").load(source / "build.yaml")
    if change is not None:
        change(source, build)
    # Any JSON text is YAML.
    (source / "build.yaml").write_text(json.dumps(build), encoding="utf-8")
    param = f"BASE_IMAGE={engine.base_image()}"
    argv = [sys.executable, "-m", "compiler", "compile", str(source), "-o", str(task)]
    done = subprocess.run(
        [*argv, "--param", param], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return task


def read_rows(split: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in split.read_text(encoding="utf-8").splitlines()]


def write_rows(split: Path, rows: list[dict[str, Any]]) -> None:
    split.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
