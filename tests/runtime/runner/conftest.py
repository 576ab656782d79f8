"""The runner needs root: it changes user ids. Without it its tests have nothing to test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.runner.box import Box, open_box

NEEDS_ROOT = "the runner gives samples user ids of their own, which needs root"


@pytest.fixture(scope="module")
def module_box() -> Iterator[Box]:
    """A daemon for the tests of one module."""
    if os.geteuid() != 0:
        pytest.skip(NEEDS_ROOT)
    with open_box() as box:
        yield box


@pytest.fixture
def shared_box(module_box: Box) -> Iterator[Box]:
    """That daemon, for a test that leaves it as it was; connections are bounded, so they end."""
    yield module_box
    module_box.disconnect()


@pytest.fixture
def needs_root() -> None:
    """For tests that start a daemon with a plan of their own."""
    if os.geteuid() != 0:
        pytest.skip(NEEDS_ROOT)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that every user can reach, as those of a container; pytest's own are private."""
    path = Path(tempfile.mkdtemp(prefix="mooring-runner-", dir="/srv"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
