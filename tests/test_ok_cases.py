"""Each fixtures/ok/<case>/input compiles to its expected/, held by the product's own --check."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from compiler import resources
from tests.commands import told
from tests.fixture_cases import OK, ROOT, assemble, list_cases, mooring

# A build that has nothing is told so, and one with a shared tong what that means.
NOTED = {"bare": {"MOR125"}, "tongs": {"MOR514"}}


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


@pytest.mark.parametrize("case", list_cases(OK))
def test_case_is_nothing_to_complain_of(case: str) -> None:
    done = mooring("check", OK / case / "input")
    assert (done.returncode, done.stdout) == (0, "")
    assert set(told(done.stderr)) == NOTED.get(case, set())


def test_every_key_is_used_in_some_case() -> None:
    """So that each has been seen in what is emitted."""
    schema = resources.schema("build")
    used: set[str] = set()
    for case in list_cases(OK):
        build = YAML(typ="safe").load(OK / case / "input" / "build.yaml")
        used |= used_keys(build, schema, schema)
    wanted = known_keys(schema, schema)
    assert len(wanted) > 90
    assert sorted(wanted - used) == []
    assert used == wanted


def known_keys(node: dict[str, Any], schema: dict[str, Any], place: str = "") -> set[str]:
    """Dotted paths of every key that a schema names; items of lists share their list's."""
    node = resolve(node, schema)
    found: set[str] = set()
    for key, below in node.get("properties", {}).items():
        found |= {f"{place}{key}", *known_keys(below, schema, f"{place}{key}.")}
    if "items" in node:
        found |= known_keys(node["items"], schema, place)
    return found


def used_keys(data: Any, node: dict[str, Any], schema: dict[str, Any], place: str = "") -> set[str]:
    """The same of what a build file uses."""
    node = resolve(node, schema)
    found: set[str] = set()
    if isinstance(data, list):
        for item in data:
            found |= used_keys(item, node.get("items", {}), schema, place)
    elif isinstance(data, dict):
        for key, below in node.get("properties", {}).items():
            if key in data:
                inner = used_keys(data[key], below, schema, f"{place}{key}.")
                found |= {f"{place}{key}", *inner}
    return found


def resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = node.get("$ref", "").removeprefix("#/$defs/")
    return {**schema["$defs"][name], **node} if name else node


def test_a_plain_folder_needs_no_repository_and_no_ref(tmp_path: Path) -> None:
    """The case lies in this repository; outside any, and without `agent_ref`, it gives the same."""
    source, built, expected = tmp_path / "input", tmp_path / "built", tmp_path / "expected"
    shutil.copytree(OK / "plain-folder" / "input", source, symlinks=True)
    text = (source / "build.yaml").read_text("utf-8")
    assert text.count("agent_ref: WORKTREE\n") == 1
    (source / "build.yaml").write_text(text.replace("agent_ref: WORKTREE\n", ""), "utf-8")
    done = mooring("compile", source, "-o", built)
    assert (done.returncode, told(done.stderr)) == (0, {}), done.stderr
    assemble(OK / "plain-folder", built, expected)
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
