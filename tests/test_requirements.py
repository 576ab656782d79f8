"""The pinned sets: complete, hashed, and without a trace of where they were made."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PINNED = (
    ".ci/requirements.txt",
    ".ci/requirements-harbor.txt",
    "compiler/runtime/evaluator/requirements.txt",
)
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^\s;]+)(?P<marker> ; [^\\]+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def read_logical_lines(path: str) -> Iterator[str]:
    """Lines with their continuations joined, without comments."""
    text = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def read_pins(path: str) -> dict[str, str]:
    """Name -> version of every pinned package of the file."""
    pins = {}
    for line in read_logical_lines(path):
        found = PIN.match(line)
        assert found, line
        pins[found["name"]] = found["version"]
    return pins


def normalise(requirement: str) -> str:
    name = re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def read_asked(*groups: str) -> set[str]:
    """What pyproject.toml asks for: its dependencies with the groups named."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = set(project["project"]["dependencies"])
    for group in groups:
        asked |= {e for e in project["dependency-groups"][group] if isinstance(e, str)}
    return {normalise(entry) for entry in asked}


@pytest.mark.parametrize("path", PINNED)
def test_each_requirement_is_one_exact_version_with_hashes(path: str) -> None:
    lines = list(read_logical_lines(path))
    assert lines
    for line in lines:
        pin, *hashes = re.split(r"\s+(?=--)", line.strip())
        assert PIN.fullmatch(pin), line
        assert hashes, line
        assert all(HASH.fullmatch(entry) for entry in hashes), line


@pytest.mark.parametrize("path", PINNED)
def test_no_address_option_or_path_is_in_it(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not re.search(r"://|\bindex\b|find-links|trusted-host|--extra|(?m:^-)|file:|[@~]", text)
    assert not re.search(r"(?m)^#.*/", text.replace("`make lock`", ""))


def test_everything_that_the_project_asks_for_is_pinned() -> None:
    assert read_asked("build", "dev", "evaluator") <= set(read_pins(PINNED[0]))


def test_harbor_is_pinned_to_the_version_that_was_measured() -> None:
    assert read_pins(PINNED[1])["harbor"] == "0.24.0"


def test_the_tests_run_what_the_evaluator_image_installs() -> None:
    evaluator = read_pins(PINNED[2])
    checkout = read_pins(PINNED[0])
    assert {"starlette", "uvicorn"} <= set(evaluator)
    assert evaluator == {name: checkout[name] for name in evaluator}
