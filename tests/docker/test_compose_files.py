"""Compose itself reads every emitted Compose file, and sees in it what the compiler meant."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixture_cases import OK, list_cases

pytestmark = pytest.mark.docker
COMPOSE = Path("expected") / "environment" / "docker-compose.yaml"
CASES = [case for case in list_cases(OK) if (OK / case / COMPOSE).exists()]
REQUIRED = re.compile(r"\$\{(\w+):\?")
# What Compose would change, were it given unquoted.
VALUE = "a$b ${c} \"d\" 'e' # f: \\"


def config(file: Path, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = ["docker", "compose", "-f", str(file), "config", *args]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


def required(file: Path) -> list[str]:
    return REQUIRED.findall(file.read_text("utf-8"))


@pytest.mark.parametrize("case", CASES)
def test_compose_accepts_the_file_without_a_word(case: str) -> None:
    file = OK / case / COMPOSE
    done = config(file, "-q", **dict.fromkeys(required(file), VALUE))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("case", [case for case in CASES if required(OK / case / COMPOSE)])
def test_each_secret_is_required_and_arrives_as_it_is(case: str) -> None:
    file = OK / case / COMPOSE
    names = required(file)
    caller = "harbor" if (OK / case / "expected" / "task.toml").exists() else "docker compose"
    for missing in names:
        others = {name: VALUE for name in names if name != missing}
        refused = config(file, "-q", **others)
        assert refused.returncode != 0
        assert f"set {missing} in the environment of {caller}" in refused.stderr
    values = {name: f"{name} {VALUE}" for name in names}
    services = read(file, **values)["services"]
    # `config` escapes dollar signs, so that what it prints can be read again.
    texts = {name: json.dumps(service).replace("$$", "$") for name, service in services.items()}
    for value in values.values():
        holders = [name for name, text in texts.items() if json.dumps(value)[1:-1] in text]
        assert len(holders) == 1
        assert holders != ["main"]


def test_variables_of_main_are_literal() -> None:
    """Whatever the caller's environment has."""
    file = OK / "every-key" / COMPOSE
    secrets = dict.fromkeys(required(file), VALUE)
    found = environment(read(file, USER="somebody", **secrets)["services"], "main")
    assert found["GREETING"].replace("$$", "$") == 'say "hello" to $USER'
    assert (found["LEVEL"], found["VERBOSE"]) == ("3", "false")


def test_bounds_are_what_the_build_says() -> None:
    file = OK / "every-key" / COMPOSE
    services = read(file, **dict.fromkeys(required(file), VALUE))["services"]
    bounds = {
        name: (service["cpus"], int(service["mem_limit"]), service["pids_limit"])
        for name, service in services.items()
    }
    gib = 2**30
    assert bounds == {
        "main": (2, 4 * gib, 4096),
        "eval-sidecar": (1.5, 2 * gib, 512),
        "runner": (4, 8 * gib, 2048),
    }


def read(file: Path, **variables: str) -> dict[str, Any]:
    done = config(file, "--format", "json", **variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def environment(services: dict[str, Any], name: str) -> dict[str, str]:
    found: dict[str, str] = services[name].get("environment") or {}
    return found
