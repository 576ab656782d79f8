"""Candidates of mode B against their score: an agent does each attempt in a task of its own, beside
honest neighbours. No attempt earns anything, and no neighbour loses anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.runtime.evaluator.outcomes import Failed, Lost, Outcome, Scored
from tests.redteam.kits.nested_agent import ATTEMPTS, SHARED
from tests.runtime.nested.agents import agent, agent_by_task
from tests.runtime.nested.yard import Yard, make_task, open_yard

NEIGHBOURS = ("neighbour-1", "neighbour-2", "neighbour-3")
SECRET = "YARD_PROVIDER_TOKEN"


@pytest.fixture(scope="module")
def yard(harbor_bin: Path) -> Iterator[Yard]:
    if os.geteuid() != 0:
        pytest.skip("the runner gives agents user ids of their own, which needs root")
    os.environ[SECRET] = "provider-5e1f0c"
    try:
        with open_yard() as yard:
            yard.plan["secrets"] = [SECRET]
            yield yard
    finally:
        del os.environ[SECRET]


@pytest.fixture(scope="module")
def outcomes(yard: Yard) -> dict[str, Outcome]:
    """Of every attempt, and of an honest run before, between and after them."""
    names = [
        NEIGHBOURS[0],
        *list(ATTEMPTS)[:10],
        NEIGHBOURS[1],
        *list(ATTEMPTS)[10:],
        NEIGHBOURS[2],
    ]
    for name in names:
        make_task(yard.tasks, name, seconds=6 if name in ATTEMPTS else 60)
    yard.set_tasks(names)
    bodies = {**ATTEMPTS, **dict.fromkeys(NEIGHBOURS, "await answer(environment)")}
    files = agent_by_task(bodies)
    files["solver.py"] = files["solver.py"].replace("\nasync def", f"\n{SHARED}\nasync def", 1)
    return dict(zip(names, yard.evaluate(files), strict=True))


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_attempt_earns_anything(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    if isinstance(outcome, Scored):
        assert outcome.score == 0.0
    else:
        # Whatever candidate code can cause is the candidate's failure.
        assert isinstance(outcome, Failed), outcome


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_no_neighbour_loses_anything(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    assert isinstance(outcome, Scored), outcome
    assert outcome.score == 1.0


@pytest.mark.usefixtures("outcomes")
def test_an_honest_candidate_is_scored_as_ever_afterwards(yard: Yard) -> None:
    yard.set_tasks(NEIGHBOURS)
    found = yard.evaluate(agent("await answer(environment)"))
    assert [o.score for o in found if isinstance(o, Scored)] == [1.0] * len(NEIGHBOURS)
    assert not any(isinstance(o, Lost) for o in found)


@pytest.mark.parametrize(
    "more",
    [
        "async def setup(self, environment): await asyncio.sleep(1000)",
        "def __init__(self, **keywords): time.sleep(1000)",
        "time.sleep(1000)",
    ],
    ids=["setup", "constructor", "import"],
)
def test_an_agent_that_hangs_before_it_runs(yard: Yard, more: str) -> None:
    yard.set_tasks(NEIGHBOURS[:1])
    yard.configure(extra_args=["--agent-setup-timeout-multiplier", "0.01"])
    (outcome,) = yard.evaluate(agent("await answer(environment)", more))
    assert isinstance(outcome, Failed), outcome
    assert outcome.cause == "AgentSetupTimeoutError"
