"""The runner needs root, and a nested Harbor needs Harbor: without them nothing here can run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.nested.yard import Yard, open_yard


@pytest.fixture(scope="session")
def needs(harbor_bin: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the runner gives agents user ids of their own, which needs root")


@pytest.fixture(scope="module")
def module_yard(needs: None) -> Iterator[Yard]:
    """A yard for the tests of one module, which leave it as it was."""
    with open_yard() as yard:
        yield yard
