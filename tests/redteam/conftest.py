"""One arena for all attempts here: built, started and attacked once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import workshop
from tests.docker.compose import Project, running
from tests.docker.tasks import compile_task
from tests.redteam import arena as arenas


@pytest.fixture(scope="package")
def arena(tmp_path_factory: pytest.TempPathFactory, docker_engine: str) -> Iterator[Project]:
    """The marked task's services, healthy."""
    scratch = tmp_path_factory.mktemp("arena")
    task: Path = compile_task(scratch, scratch / "arena", arenas.arrange)
    arenas.shrink(task)
    variables = {workshop.SECRET_NAME: workshop.SECRET.decode()}
    name = f"mooring-test-{secrets.token_hex(4)}-arena"
    with running(Project(name=name, task=task, variables=variables)) as project:
        yield project
