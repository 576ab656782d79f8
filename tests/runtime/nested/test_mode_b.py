"""Mode B without Docker: the backend, a real Harbor, a real runner, tasks as local processes."""

from __future__ import annotations

from compiler.runtime.evaluator.outcomes import Scored
from tests.runtime.nested.agents import RIGHT
from tests.runtime.nested.yard import TASKS, Yard


def test_an_agent_that_solves_its_tasks(module_yard: Yard) -> None:
    outcomes = module_yard.evaluate(RIGHT)
    assert [o.score for o in outcomes if isinstance(o, Scored)] == [1.0] * len(TASKS)
