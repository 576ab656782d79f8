"""Each fixtures/ok/<case>/input compiles to its expected/, held by the product's own --check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixture_cases import OK, ROOT, assemble, list_cases, mooring


def test_there_are_cases() -> None:
    assert "word-problems" in list_cases(OK)


@pytest.mark.parametrize("case", list_cases(OK))
def test_case_compiles_to_what_is_expected(case: str, tmp_path: Path) -> None:
    source = OK / case / "input"
    built, expected = tmp_path / "built", tmp_path / "expected"
    done = mooring("compile", source, "-o", built)
    assert done.returncode == 0, done.stderr
    assemble(OK / case, built, expected)
    held = mooring("compile", source, "-o", expected, "--check")
    assert held.returncode == 0, held.stdout + held.stderr


def test_a_stale_expected_is_found(tmp_path: Path) -> None:
    source = OK / "word-problems" / "input"
    built, expected = tmp_path / "built", tmp_path / "expected"
    assert mooring("compile", source, "-o", built).returncode == 0
    assemble(OK / "word-problems", built, expected)
    instruction = expected / "instruction.md"
    instruction.write_text(instruction.read_text() + "one more line\n")
    held = mooring("compile", source, "-o", expected, "--check")
    assert held.returncode == 1
    assert "changed instruction.md" in held.stdout
    assert "-one more line" in held.stdout


def test_the_copied_runtime_is_the_runtime(tmp_path: Path) -> None:
    built = tmp_path / "built"
    assert mooring("compile", OK / "word-problems" / "input", "-o", built).returncode == 0
    copied = {
        str(path.relative_to(built / "environment" / "runtime")): path.read_bytes()
        for path in (built / "environment" / "runtime").rglob("*.py")
    }
    runtime = ROOT / "compiler" / "runtime"
    assert len(copied) > 20
    assert copied.pop("__init__.py") == b""
    assert copied == {name: (runtime / name).read_bytes() for name in copied}
