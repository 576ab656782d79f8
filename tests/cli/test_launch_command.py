"""The command line of a launch, as far as no engine is needed: what it refuses, and how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Mooring
from tests.runtime.launcher.plans import harness, make_plan


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A plan without tongs; home and PATH hold nothing, so that no engine is ever asked."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(make_plan([], harness("image"))))
    return str(path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing to launch"),
        (["--paln", "x"], "No such option"),
        (["--plan"], "requires an argument"),
        (["--provider-timeout", "0", "--plan", "x"], "--provider-timeout"),
        (["--plan", "absent.json"], "absent.json"),
        (["--providers", "absent.yaml", "--plan", "PLAN"], "absent.yaml"),
        (["--plan", "PLAN", "--", "docker", "run", "image"], "leave the command out"),
        (["--plan", "PLAN"], "cannot run docker"),
        (["--plan", "PLAN", "--harness", "claude"], "--harness says nothing about a plan"),
        (["--plan", "PLAN", "--strict"], "--strict says nothing about a plan"),
        (["--plan", "PLAN", "--user-dir", "x"], "--user-dir says nothing about a plan"),
        (["--harness", "clod", "--", "docker", "run", "x"], "clod"),
        (["docker", "run", "x"], "cannot run docker"),
    ],
)
def test_own_failures_are_125(mooring: Mooring, plan: str, words: list[str], told: str) -> None:
    ended = mooring("launch", *(plan if word == "PLAN" else word for word in words))
    assert (ended.code, ended.out) == (125, "")
    assert told in ended.err


def test_a_wrong_table_of_providers_is_pointed_at(
    mooring: Mooring, plan: str, tmp_path: Path
) -> None:
    table = tmp_path / "home/.mooring/secret-providers.yaml"
    table.parent.mkdir(parents=True)
    table.write_text("op: [op, read]\n")
    ended = mooring("launch", "--plan", plan)
    assert ended.code == 125
    assert f"{table}:1:5: error[MOR560]: `op`: no word holds {{ref}}" in ended.err
    table.write_text("default: [a, '{ref}']\noverrides:\n  gh: 'gh auth token'\n")
    assert (
        ":3:7: error[MOR560]: `gh`: expected a list of words"
        in mooring("launch", "--plan", plan).err
    )
    table.write_text("op: [\n")
    assert "error[MOR101]" in mooring("launch", "--plan", plan).err


def test_a_plan_of_another_version(mooring: Mooring, plan: str) -> None:
    content = json.loads(Path(plan).read_text())
    Path(plan).write_text(json.dumps({**content, "plan_version": 2}))
    ended = mooring("launch", "--plan", plan)
    assert ended.code == 125
    assert "plan_version is 2, expected 1" in ended.err


@pytest.mark.parametrize("words", [["ps"], ["gc"], ["down"], ["logs", "x"]])
def test_without_docker_the_world_has_failed(mooring: Mooring, plan: str, words: list[str]) -> None:
    ended = mooring("tongs", *words)
    assert ended.code == 3
    assert "cannot run docker" in ended.err
