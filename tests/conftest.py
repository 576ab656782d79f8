"""Fixtures that several packages' tests share: the engine, Harbor, and what a skip means."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.docker import engine

# A shell starts what runs in its background with interrupts ignored, `nohup` with hangups, and
# whatever that starts inherits it: the tests that interrupt a process would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


ROOT = Path(__file__).resolve().parent.parent


def _cannot_run(reason: str) -> NoReturn:
    if engine.is_required():
        pytest.fail(f"MOORING_REQUIRE_DOCKER=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def docker_engine() -> str:
    """A Docker engine with compose, buildx and the base image; its value is the image's name."""
    obstacle = engine.find_obstacle()
    if obstacle is not None:
        _cannot_run(obstacle)
    return engine.base_image()


@pytest.fixture(scope="session")
def harbor_bin() -> Path:
    """The `harbor` command: $MOORING_HARBOR, or the one in the checkout's .venv-harbor."""
    path = Path(os.environ.get("MOORING_HARBOR") or ROOT / ".venv-harbor/bin/harbor")
    if not os.access(path, os.X_OK):
        _cannot_run(f"there is no harbor at {path} (make .venv-harbor/.ready)")
    return path


@pytest.fixture(scope="session")
def harbor_python(harbor_bin: Path) -> Path:
    """The interpreter that can import Harbor's models."""
    return harbor_bin.parent / "python"


@pytest.fixture
def docker_scrap(docker_engine: str) -> Iterator[engine.Scrap]:
    """A name prefix of the test's own; everything under it is removed after the test."""
    yield from engine.scrap_for((secrets.token_hex(4),))


@pytest.fixture(autouse=True)
def _needs_of_markers(request: pytest.FixtureRequest) -> None:
    """A marked test gets its engine checked whether or not it names the fixture."""
    if request.node.get_closest_marker("docker") or request.node.get_closest_marker("harbor"):
        request.getfixturevalue("docker_engine")
    if request.node.get_closest_marker("harbor"):
        request.getfixturevalue("harbor_bin")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where Docker is required, a skip of any test is a failure: nothing may go unnoticed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and engine.is_required():
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {report.longreprtext}"
    return report
