"""The table of Harbor's environments, held against the Harbor that is installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from compiler.ir.environments import ENVIRONMENTS, why_not_outside

SCRIPT = Path(__file__).with_name("known_environments.py")


@pytest.fixture(scope="module")
def known(harbor_python: Path) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [harbor_python, SCRIPT],
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


def test_every_environment_of_harbor_is_in_the_table(known: dict[str, dict[str, object]]) -> None:
    assert list(ENVIRONMENTS) == sorted(known)


def test_extras_and_compose_are_harbor_s(known: dict[str, dict[str, object]]) -> None:
    ours = {n: {"extra": e.extra, "compose": e.compose} for n, e in ENVIRONMENTS.items()}
    assert ours == known


def test_what_runs_no_compose_file_runs_no_task_of_ours() -> None:
    for name, known in ENVIRONMENTS.items():
        if not known.compose:
            assert why_not_outside(name, secrets=False) is not None
    assert why_not_outside("docker", secrets=True) is None
    assert why_not_outside("module:Class", secrets=True) is None


@pytest.mark.parametrize("name", ["modal", "beam", "podman", "kata"])
def test_some_cannot_keep_a_task_apart(name: str) -> None:
    assert why_not_outside(name, secrets=False) is not None


@pytest.mark.parametrize("name", ["daytona", "gke", "blaxel", "hyperbrowser", "vercel"])
def test_some_hide_the_callers_variables(name: str) -> None:
    assert why_not_outside(name, secrets=False) is None
    assert why_not_outside(name, secrets=True) is not None
