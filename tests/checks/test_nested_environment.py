"""What the nested Harbor's environment needs: what lacks is told, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compiler.ir.build import ModeB
from compiler.ir.environments import ENVIRONMENTS, requirement_for
from tests.projects import build_of, codes, mode_b, read, understand, write_project_b

AGENT = {"agent_import_path": "solver:Agent"}
MODAL = ["MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"]


def told(harbor: dict[str, Any], secrets: list[Any]) -> list[str]:
    _, found = understand(mode_b({"harbor": {**AGENT, **harbor}, "secrets": secrets}))
    return codes(found)


@pytest.mark.parametrize(
    ("harbor", "secrets", "expected"),
    [
        ({}, MODAL, []),
        ({}, [], ["MOR233"]),
        ({}, MODAL[:1], ["MOR233"]),
        ({}, [MODAL[0], {"name": MODAL[1], "to": "candidate"}], ["MOR233"]),
        ({"requirement": "harbor==0.24.0"}, MODAL, ["MOR232"]),
        ({"requirement": "harbor[e2b]==0.25.1"}, MODAL, ["MOR232"]),
        ({"requirement": "harbor[e2b,modal]==0.25.1"}, MODAL, []),
        ({"requirement": "harbor[cloud]==0.24.0"}, MODAL, []),
        ({"requirement": "harbor[all]==0.24.0"}, MODAL, []),
        ({"environment": "skypilot", "requirement": "harbor[all]==0.24.0"},
         ["SKYPILOT_API_SERVER_ENDPOINT"], ["MOR232"]),
        ({"environment": "daytona"}, ["DAYTONA_API_KEY"], []),
        ({"environment": "daytona"}, ["DAYTONA_JWT_TOKEN", "DAYTONA_ORGANIZATION_ID"], []),
        ({"environment": "daytona"}, ["DAYTONA_JWT_TOKEN"], ["MOR233"]),
        ({"environment": "docker"}, [], ["MOR235"]),
        ({"environment": "modle"}, [], ["MOR234"]),
        ({"environment": "newer", "requirement": "harbor==0.31.0"}, [], []),
        ({"environment": "here:There"}, [], ["MOR230"]),
        ({"environment": "here:There", "environment_project": "x"}, [], []),
        ({"environment": "harbor.environments.e2b:E2BEnvironment"}, [], []),
        ({"environment": "harbor.environments.e2b:E2BEnvironment", "environment_project": "x"},
         [], ["MOR128"]),
        ({"environment": "e2b", "environment_project": "x"}, ["E2B_API_KEY"], ["MOR128"]),
    ],
)  # fmt: skip
def test_what_is_told(harbor: dict[str, Any], secrets: list[Any], expected: list[str]) -> None:
    assert told(harbor, secrets) == expected


def test_a_requirement_that_is_left_out_brings_the_extra() -> None:
    for name, known in ENVIRONMENTS.items():
        harbor = {**AGENT, "environment": name}
        secrets = list(known.credentials[0]) if known.credentials else []
        build = build_of(mode_b({"harbor": harbor, "secrets": secrets}))
        assert isinstance(build, ModeB)
        wanted = f"harbor[{known.extra}]==0.24.0" if known.extra else "harbor==0.24.0"
        assert build.harbor.requirement == wanted == requirement_for(name)


def test_the_default_environment_is_usable_as_it_is() -> None:
    assert told({}, MODAL) == []
    assert requirement_for("a:B") == "harbor==0.24.0"


@pytest.mark.parametrize(
    ("module", "expected"),
    [("cluster", []), ("pack.inner", []), ("pack", []), ("clusters", ["MOR231"])],
)
def test_the_module_lies_in_its_folder(tmp_path: Path, module: str, expected: list[str]) -> None:
    harbor = {**AGENT, "environment": f"{module}:Engine", "environment_project": "engines"}
    build = write_project_b(tmp_path, {"harbor": harbor})
    (tmp_path / "engines/pack").mkdir(parents=True)
    for path in ("cluster.py", "pack/__init__.py", "pack/inner.py"):
        (tmp_path / "engines" / path).write_text("class Engine: ...\n")
    _, found = read(build)
    assert codes(found) == expected


def test_a_folder_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    harbor = {**AGENT, "environment": "cluster:Engine", "environment_project": "engines"}
    _, found = read(write_project_b(tmp_path, {"harbor": harbor}))
    assert codes(found) == ["MOR300"]
