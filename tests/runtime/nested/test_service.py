"""The whole evaluator in mode B: asked over HTTP, told to stop, started anew, finalised."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.runtime.evaluator.house import House, make_house, open_evaluator, wait_for
from tests.runtime.nested.agents import RIGHT
from tests.runtime.nested.yard import TASKS, Yard, make_task, was_broken_off

WAITING = "#!/bin/bash\nwhile [ ! -e {} ]; do sleep 0.1; done\necho 1 >/logs/verifier/reward.txt\n"


@pytest.fixture
def house(module_yard: Yard) -> Iterator[House]:
    """A repository whose baseline has no agent, with the plan and the tasks of a yard."""
    root = module_yard.root / "house"
    house = make_house(root)
    for split in ("validation", "test"):
        module_yard.set_tasks(TASKS[:1], split)
    house.plan = {
        **module_yard.plan,
        **{key: house.plan[key] for key in ("baseline", "listen", "budgets")},
        "paths": {
            **module_yard.plan["paths"],
            "admin": str(root / "admin"),
            "results": str(root / "results"),
        },
    }
    for split in house.plan["splits"]:
        split["min_samples"] = 1
    yield house
    shutil.rmtree(root)


def commit(house: House, agent: str) -> str:
    (house.work / "solver.py").write_text(agent)
    return house.commit("")


def test_evaluations_and_the_end_of_a_session(house: House) -> None:
    right = commit(house, RIGHT["solver.py"])
    with open_evaluator(house) as evaluator:
        job = evaluator.measure("train", right)
        assert job["state"] == "done", job
        assert job["result"]["score"] == 1.0
        assert [(d["id"], d["score"], d["output"]) for d in job["result"]["details"]] == [
            (name, 1.0, {"rewards": {"reward": 1.0}}) for name in TASKS
        ]
        job = evaluator.measure("validation", right)
        assert job["result"] == {"score": 1.0}
        done = evaluator.command("finalize")
        assert done.returncode == 0, done.stderr
        assert f"chosen: {right}" in done.stdout
    (name,) = [target["reward_key"] for target in house.plan["targets"]]
    document = json.loads((house.admin / "finalization.json").read_text())
    assert document["rewards"] == {name: 1.0}


def test_a_stopped_evaluator_goes_on_where_it_was(house: House, module_yard: Yard) -> None:
    flag = module_yard.root / "service-flag"
    make_task(module_yard.tasks, "slow", files={"tests/test.sh": WAITING.format(flag)})
    module_yard.set_tasks([TASKS[0], "slow"])
    house.plan["splits"] = module_yard.plan["splits"]
    right = commit(house, RIGHT["solver.py"])
    nested = house.admin / "nested"
    with open_evaluator(house) as evaluator:
        evaluator.send(right)
        _, job = evaluator.evaluate("train", right)
        wait_for(lambda: any(nested.glob(f"*/jobs/*/{TASKS[0]}__*/result.json")), 60)
    # It was told to stop, and Harbor with it, which had the time to end what it had begun.
    (result,) = nested.glob("*/jobs/*/slow__*/result.json")
    assert was_broken_off(json.loads(result.read_text()))
    flag.touch()
    with open_evaluator(house) as evaluator:
        ended = evaluator.wait(job["id"])
    assert (ended["state"], ended["result"]["score"]) == ("done", 1.0)
    (command,) = nested.glob("done/*/run-2.command.json")
    argv = json.loads(command.read_text())["argv"]
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "-i"] == ["slow"]
