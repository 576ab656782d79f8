"""The scripts behind `make`: finding a Python, and what a skip means in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SYSTEM_PATH = "/usr/bin:/bin"


def write_script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def find_python(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".ci/find-python"],
        env={"PATH": SYSTEM_PATH, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_shim_that_refuses_is_passed_over(tmp_path: Path) -> None:
    write_script(tmp_path / "bin/python3.13", "echo 'not installed' >&2; exit 127")
    write_script(tmp_path / "bin/python3.12", f'exec {sys.executable} "$@"')
    answer = find_python(PATH=f"{tmp_path / 'bin'}:{SYSTEM_PATH}")
    assert answer.returncode == 0
    assert Path(answer.stdout.strip()).resolve() == Path(sys.executable).resolve()


def test_versions_of_pyenv_are_found_without_being_activated(tmp_path: Path) -> None:
    for name in ("python3.13", "python3.12", "python3"):
        write_script(tmp_path / "bin" / name, "exit 1")
    write_script(tmp_path / ".pyenv/versions/3.12.9/bin/python", f'exec {sys.executable} "$@"')
    answer = find_python(PATH=f"{tmp_path / 'bin'}:{SYSTEM_PATH}", HOME=str(tmp_path))
    assert answer.returncode == 0, answer.stderr


def test_without_a_fitting_python_it_says_what_is_needed(tmp_path: Path) -> None:
    for name in ("python3.13", "python3.12", "python3"):
        write_script(tmp_path / "bin" / name, "exit 1")
    answer = find_python(PATH=f"{tmp_path / 'bin'}:{SYSTEM_PATH}", HOME=str(tmp_path))
    assert answer.returncode == 2
    assert "Python 3.12" in answer.stderr


@pytest.mark.parametrize(("required", "status"), [("", 0), ("1", 1)])
def test_without_an_engine_a_docker_test_skips_or_where_required_fails(
    tmp_path: Path, required: str, status: int
) -> None:
    write_script(tmp_path / "bin/docker", "echo 'no engine' >&2; exit 1")
    case = "tests/docker/test_engine.py::test_the_base_image_has_what_the_product_needs"
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", case],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "MOORING_REQUIRE_DOCKER": required,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == status, answer.stdout
    assert "no Docker engine answers: no engine" in answer.stdout
