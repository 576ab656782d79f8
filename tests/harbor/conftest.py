"""One compiled task and one place for jobs for all trials here."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import engine
from tests.docker.tasks import compile_task
from tests.harbor.trials import Harbor, images_of


@pytest.fixture(scope="package")
def trial_prefix(docker_engine: str) -> Iterator[str]:
    """What tasks' folders, and so the trials' projects, are named by; cleared away at the end."""
    prefix = f"mooring-test-{secrets.token_hex(3)}"
    yield prefix
    engine.remove_objects(prefix=prefix)
    for image in images_of(prefix):
        engine.run_docker("image", "rm", "--force", image)


@pytest.fixture(scope="package")
def word_problems(tmp_path_factory: pytest.TempPathFactory, trial_prefix: str) -> Path:
    """The fixture, compiled."""
    scratch = tmp_path_factory.mktemp("harbor")
    return compile_task(scratch, scratch / f"{trial_prefix}-base")


@pytest.fixture(scope="package")
def harbor(harbor_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Harbor:
    return Harbor(command=harbor_bin, jobs=tmp_path_factory.mktemp("jobs"))
