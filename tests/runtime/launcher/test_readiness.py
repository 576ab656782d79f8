"""When a tong is ready, has failed, or is to be awaited longer."""

from __future__ import annotations

import pytest

from compiler.runtime.launcher.engine import Container
from compiler.runtime.launcher.plan import Mode, Readiness
from compiler.runtime.launcher.readiness import READY, WAIT, Seen, judge

TCP = Readiness(Mode.TCP, host="db", port=5432, seconds=10)
COMMAND = Readiness(Mode.HEALTHCHECK, check=(("docker",), ("exec",)), seconds=10)
IMAGES_OWN = Readiness(Mode.HEALTHCHECK, seconds=10)
NONE = Readiness(Mode.NONE)
UP = Container("c", "running")
HEALTHY = Container("c", "running", health="healthy")
STARTING = Container("c", "running", health="starting")
SICK = Container("c", "running", health="unhealthy")
ENDED = Container("c", "exited", exit_code=3)


@pytest.mark.parametrize(
    ("readiness", "seen", "verdict"),
    [
        (NONE, Seen(UP, 0), READY),
        (TCP, Seen(UP, 0), WAIT),
        (TCP, Seen(UP, 9, reached=True), READY),
        (TCP, Seen(UP, 99, reached=True), READY),
        (TCP, Seen(UP, 0, can_knock=False), READY),
        (COMMAND, Seen(UP, 0), WAIT),
        (COMMAND, Seen(UP, 0, checked=True), READY),
        (COMMAND, Seen(HEALTHY, 0), WAIT),
        (IMAGES_OWN, Seen(HEALTHY, 0), READY),
        (IMAGES_OWN, Seen(STARTING, 0), WAIT),
        (IMAGES_OWN, Seen(SICK, 0), WAIT),
    ],
)
def test_no_failure(readiness: Readiness, seen: Seen, verdict: object) -> None:
    assert judge(readiness, seen) == verdict


@pytest.mark.parametrize(
    ("readiness", "seen", "failure"),
    [
        (NONE, Seen(None, 0), "removed"),
        (NONE, Seen(ENDED, 0), "code 3"),
        (TCP, Seen(ENDED, 0, reached=True), "code 3"),
        (COMMAND, Seen(ENDED, 0, checked=True), "code 3"),
        (TCP, Seen(Container("c", "restarting"), 0), "restarting"),
        (TCP, Seen(Container("c", "paused"), 0), "paused"),
        (TCP, Seen(UP, 10.1), "not ready within 10 s .nothing listens at db:5432"),
        (COMMAND, Seen(UP, 10.1), "its check does not succeed"),
        (IMAGES_OWN, Seen(SICK, 10.1), "HEALTHCHECK is not healthy"),
        (IMAGES_OWN, Seen(UP, 0), "the image has none"),
    ],
)
def test_failure(readiness: Readiness, seen: Seen, failure: str) -> None:
    import re

    assert re.search(failure, judge(readiness, seen).failure)
    assert not judge(readiness, seen).ready
