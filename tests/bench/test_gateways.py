"""How long containers of gateways take to stop and to come back."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator

import pytest

from tests.docker import engine
from tests.docker.gateways import Home, build_image, compile_gateways, home

pytestmark = [pytest.mark.bench, pytest.mark.docker]

COUNT = 10
ROUNDS = 5


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, docker_engine: str) -> Iterator[str]:
    name = f"mooring-test-{secrets.token_hex(4)}-gateways"
    profiles = "".join(f"    - {{name: p{i}, start: true}}\n" for i in range(COUNT))
    task = compile_gateways(
        tmp_path_factory.mktemp("gateways") / "task",
        {
            "    - {name: coder, start: true, env: {GREETING: null, LANGUAGE: python}}\n"
            "    - {name: writer, start: true}\n"
            "    - {name: night-shift}\n": profiles
        },
    )
    try:
        build_image(task, name)
        yield name
    finally:
        engine.remove_objects(prefix=name)


def ready_after(at: Home) -> float:
    """Seconds from before `docker restart` until all gateways say that they listen, anew."""
    before = at.logs().count("listens on")
    started = time.monotonic()
    at.docker("restart")
    while at.logs().count("listens on") < before + COUNT:
        time.sleep(0.005)
    return time.monotonic() - started


def test_stop_and_restart_with_ten_gateways(image: str) -> None:
    with home(f"{image}-bench", image, "--tmpfs", "/run") as at:
        back = [ready_after(at) for _ in range(ROUNDS)]
        stops = []
        for _ in range(ROUNDS):
            at.wait_healthy()
            stops.append(at.docker("stop"))
            at.docker("start")
        assert at.states().keys() == {"default", *(f"p{i}" for i in range(COUNT))}
    print(
        f"\n{COUNT} gateways (Python): docker stop {statistics.median(stops):.2f} s "
        f"(least {min(stops):.2f}), docker restart until all are ready "
        f"{statistics.median(back):.2f} s (least {min(back):.2f}); medians of {ROUNDS}"
    )
    # None waited for the engine's patience to end.
    assert min(stops) < 10
