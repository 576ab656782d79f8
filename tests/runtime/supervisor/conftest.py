"""Real trees, as root, which gives root up, and as an unprivileged user from the start."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.runtime.supervisor.tree import Tree, open_tree


def need_s6(as_root: bool) -> None:
    """Skips where there is no s6, or no root to give up; in CI a skip is a failure."""
    if shutil.which("s6-svscan") is None:
        pytest.skip("s6 is missing (.ci/s6 installs it)")
    if as_root and os.geteuid() != 0:
        pytest.skip("root is needed to see that it is given up")


@pytest.fixture(params=["root", "user"])
def tree(request: pytest.FixtureRequest) -> Iterator[Tree]:
    """A tree of each kind, not booted."""
    as_root = request.param == "root"
    need_s6(as_root)
    with open_tree(as_root=as_root) as opened:
        yield opened


@pytest.fixture
def root_tree() -> Iterator[Tree]:
    """For what only root's part of the boot and of the commands does."""
    need_s6(True)
    with open_tree(as_root=True) as opened:
        yield opened


@pytest.fixture
def user_tree() -> Iterator[Tree]:
    """For what is the same with and without root."""
    need_s6(False)
    with open_tree(as_root=False) as opened:
        yield opened
