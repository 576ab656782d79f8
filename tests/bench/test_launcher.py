"""A launch of eight slow tongs, and what the launcher adds to the engine's own calls."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import engine
from tests.docker.launches import Launcher, launcher
from tests.runtime.launcher.plans import harness, make_tong, tcp

pytestmark = [pytest.mark.bench, pytest.mark.docker]

TONGS = 8
ROUNDS = 5
# Listens two seconds after it began, and ends when it is told to.
SLOW = (
    "python3", "-I", "-S", "-c",
    "import socket, time; time.sleep(2); s = socket.create_server(('', 80)); time.sleep(600)",
)  # fmt: skip


@pytest.fixture
def user(tmp_path: Path, docker_engine: str, docker_scrap: engine.Scrap) -> Iterator[Launcher]:
    with launcher(tmp_path / "home", docker_scrap, docker_engine) as each:
        yield each


def test_eight_tongs_of_two_seconds(user: Launcher) -> None:
    """Beside them the same containers started at once by hand, which is what the engine needs."""
    names = [f"t{number}" for number in range(TONGS)]
    tongs = [make_tong(name, user.image, SLOW, readiness=tcp(name, 80)) for name in names]
    plan = user.write(tongs, harness(user.image, "true"))
    ready, bare = [], []
    for number in range(3):
        ended = user.run(plan)
        assert ended.code == 0, ended.err
        ready.append(max(float(each) for each in re.findall(r"ready after ([\d.]+) s", ended.err)))
        bare.append(by_hand(user, number))
    print(
        f"\n{TONGS} tongs of 2 s each: all ready after {statistics.median(ready):.1f} s (least "
        f"{min(ready):.1f}); `docker run -d` of as many at once takes "
        f"{statistics.median(bare):.1f} s (least {min(bare):.1f}), one after the other waits "
        f"{2 * TONGS} s and more"
    )
    assert min(ready) < 2 * TONGS


def by_hand(user: Launcher, number: int) -> float:
    began = time.perf_counter()
    started = [
        subprocess.Popen(
            ["docker", "run", "-d", "--name", f"{user.prefix}-{number}-{each}", user.image, *SLOW],
            stdout=subprocess.DEVNULL,
        )
        for each in range(TONGS)
    ]
    assert [process.wait() for process in started] == [0] * TONGS
    seconds = time.perf_counter() - began
    engine.remove_objects(prefix=f"{user.prefix}-{number}-")
    return seconds


def test_overhead(user: Launcher) -> None:
    """One tong without readiness, the whole command: against the five calls that are needed."""
    tong = make_tong("t", user.image, SLOW)
    plan = user.write([tong], harness(user.image, "true"))
    ours, bare = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ended = user.run(plan)
        ours.append(time.perf_counter() - began)
        assert ended.code == 0, ended.err
        bare.append(bare_calls(user))
    print(
        f"\none tong and `true`: {statistics.median(ours):.2f} s, the bare docker calls "
        f"{statistics.median(bare):.2f} s, overhead "
        f"{statistics.median(ours) - statistics.median(bare):.2f} s; medians of {ROUNDS}"
    )
    assert min(ours) < 60


def bare_calls(user: Launcher) -> float:
    name, network = f"{user.prefix}-bare", f"{user.prefix}-net"
    began = time.perf_counter()
    for argv in (
        ["network", "create", network],
        ["run", "-d", "--name", name, "--network", network, user.image, *SLOW],
        ["run", "--rm", "--network", network, user.image, "true"],
        ["rm", "-f", "-v", name],
        ["network", "rm", network],
    ):
        answer = engine.run_docker(*argv)
        assert answer.returncode == 0, answer.stderr
    return time.perf_counter() - began
