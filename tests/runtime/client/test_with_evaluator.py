"""The command against the evaluator's own process: a session as an optimiser goes through it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.client.stub import assert_readable, mooring, write_plan
from tests.runtime.evaluator.fakes import FakeRunner, right, scripted_runner
from tests.runtime.evaluator.house import (
    ADDING,
    WRONG,
    Evaluator,
    House,
    budget,
    make_house,
    open_evaluator,
    short_folder,
)

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    house: House
    evaluator: Evaluator
    runner: FakeRunner
    plan: Path

    def run(self, *words: str) -> Done:
        port = self.house.plan["listen"]["port"]
        done = mooring(
            *words,
            "--plan",
            self.plan,
            url=f"http://127.0.0.1:{port}",
            cwd=self.house.work,
        )
        assert_readable(done)
        return done

    def ask(self, *words: str, code: int = 0) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def session() -> Iterator[Session]:
    with short_folder() as root:
        house = make_house(
            root / "house",
            deterministic=True,
            submit_enabled=True,
            budgets=[budget("train", samples=12, per_run=5), budget("validation", runs=2)],
        )
        house.plan["selection"]["mode"] = "submit"
        splits = [
            {"name": "train", "access": "viewable", "min_samples": 1},
            {"name": "validation", "access": "non_viewable", "min_samples": 5},
        ]
        changes = {"splits": splits, "results": str(house.results)}
        (root / "main").mkdir()
        plan = write_plan(root / "main", house.work, house.plan["baseline"]["commit"], changes)
        with (
            scripted_runner(house, lambda request, _: right(request)) as runner,
            open_evaluator(house) as evaluator,
        ):
            yield Session(house=house, evaluator=evaluator, runner=runner, plan=plan)


def test_a_session(session: Session) -> None:
    head = session.house.commit(ADDING)
    whole = session.ask("eval", "--split", "train", code=2)
    assert whole["error"]["code"] == "run_too_large"
    ids = "train-row-5,train-row-0"
    done = session.run("eval", "--split", "train", "--samples", ids)
    assert done.returncode == 0
    assert "score    0.5000" in done.stdout
    assert "chosen samples: train-row-0, train-row-5" in done.stdout
    files = session.house.results / "1"
    assert str(files / "samples.jsonl") in done.stdout
    assert len((files / "samples.jsonl").read_text().splitlines()) == 2

    again = session.ask("eval", "--split", "train", "--samples", ids)
    assert (again["recorded"], again["result"]["score"]) == (True, 0.5)
    assert "nothing charged" in session.run("results", again["id"]).stdout
    seeded = [
        session.ask("eval", "--split", "train", "--num-samples", "3", "--seed", "1")["selection"]
        for _ in range(2)
    ]
    assert (len(seeded[0]), seeded[0]) == (3, seeded[1])

    queued = session.ask("eval", "--split", "validation", "--detach")
    done = session.run("wait")
    assert done.stdout.splitlines()[1:] == [
        "  score    0.7000",
        "",
        f"also in {session.house.results / queued['id'] / 'result.json'}",
    ]
    listed = session.ask("results")["results"]
    assert [item["id"] for item in listed] == ["1", "2", "3", "4", "5"]
    lines = session.run("results").stdout.splitlines()
    assert lines[-1] == f"5    validation  {head[:12]}  0.7000"

    assert session.ask("submit")["commit"] == head
    status = session.run("status").stdout
    assert "train       viewable      6        1      5     no limit   7 of 12" in status
    assert f"submitted last: {head[:12]}." in status
    session.evaluator.control("POST", "/finalize")
    for words in (("submit",), ("eval", "--split", "train", "--num-samples", "1"), ("cancel", "1")):
        assert session.ask(*words, code=4)["error"]["code"] in ("sealed", "draining")
    assert "sealed" in session.run("status").stdout


def test_refusals(session: Session) -> None:
    assert session.ask("eval", "--split=train", "--samples=a", code=2)["error"]["code"] == (
        "unknown_sample"
    )
    session.house.commit(ADDING)
    assert session.ask("eval", "--split", "validation")["result"] == {"score": 0.7}
    session.house.commit(WRONG, "other")
    assert session.ask("eval", "--split", "validation")["result"] == {"score": 0.7}
    session.house.commit(ADDING, "third")
    spent = session.run("eval", "--split", "validation")
    assert spent.returncode == 4
    assert "Left on validation: runs 0 of 2, samples no limit." in spent.stderr
    assert session.ask("wait", "99", code=4)["error"]["code"] == "unknown_job"
    assert session.ask("results", "99", code=4)["error"]["code"] == "unknown_job"
    assert session.ask("cancel", "1", code=4)["error"]["code"] == "job_ended"


def test_cancelling(session: Session) -> None:
    session.house.commit(ADDING)
    session.runner.hang_on("sample")
    words = ("eval", "--split", "train", "--num-samples", "5", "--detach")
    running, waiting = session.ask(*words)["id"], session.ask(*words)["id"]
    session.runner.wait_for("sample")
    assert session.ask("results", running, code=3)["error"]["code"] == "no_result"
    for name in (waiting, running):
        assert session.ask("cancel", name)["state"] == "cancelled"
        assert session.ask("wait", name, code=3)["state"] == "cancelled"
    session.runner.hang_on(None)
    (train, _) = session.ask("status")["splits"]
    assert train["budget"]["samples"]["left"] == 7
