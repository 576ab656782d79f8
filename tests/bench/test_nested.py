"""What mode B adds to Harbor: an agent's call through the proxy against the same call of one
that Harbor loads itself; and a whole evaluation of small tasks.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.runtime.evaluator.outcomes import Scored
from tests.runtime.nested.agents import RIGHT, agent
from tests.runtime.nested.yard import ENVIRONMENT, ENVIRONMENTS, Yard, harbor_program, open_yard

pytestmark = pytest.mark.bench

CALLS, ROUNDS = 200, 3
SMALL = 22
# Times each call by itself, and reports them.
TIMED = agent(f"""
times = []
for _ in range({CALLS}):
    began = time.perf_counter()
    await environment.exec("true")
    times.append((time.perf_counter() - began) * 1000)
context.metadata = {{"times": times}}
""")


@pytest.fixture
def yard(harbor_bin: Path) -> Iterator[Yard]:
    if os.geteuid() != 0:
        pytest.skip("the runner needs root")
    with open_yard(slots=4, tasks=[f"small-{i:02}" for i in range(SMALL)]) as yard:
        yield yard


def times_of(result: Path) -> list[float]:
    found: list[float] = json.loads(result.read_text())["agent_result"]["metadata"]["times"]
    return found


def direct(yard: Yard, number: int) -> list[float]:
    """The same agent as Harbor runs it itself."""
    folder = yard.root / f"direct-{number}"
    folder.mkdir()
    (folder / "solver.py").write_text(TIMED["solver.py"])
    argv = [str(harbor_program()), "run", "-p", str(yard.tasks / "small-00"), "-a", "solver:Agent"]
    argv += ["-e", ENVIRONMENT, "-y", "-q", "--jobs-dir", str(folder / "jobs")]
    modules = f"{folder}:{ENVIRONMENTS}"
    environment = {**os.environ, "PYTHONPATH": modules, "HARBOR_TELEMETRY": "0"}
    subprocess.run(argv, env=environment, check=True, capture_output=True)
    (result,) = folder.glob("jobs/*/small-00__*/result.json")
    return times_of(result)


def proxied(yard: Yard, number: int) -> list[float]:
    yard.set_tasks(["small-00"])
    yard.evaluate({**TIMED, "number": str(number)})
    newest = max(yard.work.glob("done/*"))
    (result,) = newest.glob("jobs/*/small-00__*/result.json")
    return times_of(result)


def test_overhead_of_a_call(yard: Yard) -> None:
    """Alternately, so that both see the same machine."""
    through, alone = [], []
    for number in range(ROUNDS):
        through += proxied(yard, number)
        alone += direct(yard, number)
    ours, theirs = statistics.median(through), statistics.median(alone)
    print(
        f"\none exec of `true`: through the proxy {ours:.2f} ms, Harbor alone {theirs:.2f} ms, "
        f"overhead {ours - theirs:.2f} ms (least: {min(through) - min(alone):.2f}); medians of "
        f"{len(alone)}"
    )
    assert ours - theirs < 100


def test_an_evaluation_of_small_tasks(yard: Yard) -> None:
    yard.set_tasks([f"small-{i:02}" for i in range(SMALL)])
    began = time.perf_counter()
    outcomes = yard.evaluate(RIGHT)
    seconds = time.perf_counter() - began
    assert [o.score for o in outcomes if isinstance(o, Scored)] == [1.0] * SMALL
    load = os.getloadavg()[0]
    print(
        f"\n{SMALL} inner tasks, four at a time: {seconds:.1f} s (load of the machine {load:.1f})"
    )
    assert seconds < 300
