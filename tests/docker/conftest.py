"""The marked task, built and running once for all modules here."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import workshop
from tests.docker.compose import Project, running
from tests.docker.tasks import compile_task


@pytest.fixture(scope="session")
def run_prefix() -> str:
    """What the names of this run's projects start with."""
    return f"mooring-test-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def marked_task(tmp_path_factory: pytest.TempPathFactory, docker_engine: str) -> Path:
    scratch = tmp_path_factory.mktemp("marked")
    return compile_task(scratch, scratch / "marked", workshop.mark)


@pytest.fixture(scope="package")
def bench(marked_task: Path, run_prefix: str) -> Iterator[Project]:
    """The marked task's services, healthy. A split was evaluated, so that there are traces."""
    variables = {workshop.SECRET_NAME: workshop.SECRET.decode()}
    project = Project(name=f"{run_prefix}-marked", task=marked_task, variables=variables)
    with running(project):
        workshop.commit(project, {}, "Change nothing")
        workshop.evaluate(project, "validation")
        yield project
