"""The wheel carries everything that the compiler reads, and finds it there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ("schemas", "templates")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*argv, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def list_files(folder: str) -> list[Path]:
    return sorted(
        path
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def test_each_file_of_the_package_is_in_it_unchanged(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    for path in list_files("compiler"):
        assert held[path.relative_to(ROOT).as_posix()] == path.read_bytes()


@pytest.mark.parametrize("folder", SHARED)
def test_schemas_and_templates_are_in_it_unchanged(wheel: Path, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    files = list_files(folder)
    assert files
    for path in files:
        assert held[f"compiler/_share/{path.relative_to(ROOT).as_posix()}"] == path.read_bytes()


def test_nothing_else_is_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/", 1)[0] for name in archive.namelist()}
    assert tops == {"compiler", "mooring-0.1.0.dist-info"}


def test_an_installed_compiler_finds_its_resources(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); from compiler import resources; "
        "print(resources.templates()); resources.schema('build'); print(resources.runtime())"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == [
        str(site / "compiler/_share/templates"),
        str(site / "compiler/runtime"),
    ]
