"""What the workbench asks over HTTP beyond one evaluation: choosing, waiting, cancelling, reading,
submitting; and how the end of a session looks from there.
"""

from __future__ import annotations

import http.client
import json
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from .fakes import FakeRunner, right, scripted_runner
from .house import (
    ADDING,
    Evaluator,
    House,
    budget,
    make_house,
    open_evaluator,
    open_unhealthy,
    rows,
    short_folder,
    start_evaluator,
    wait_for,
)

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "schemas/runtime/finalization.schema.json").read_text())
UNLIMITED = [budget("train", per_run=5)]


@pytest.fixture
def house() -> Iterator[House]:
    with short_folder() as root:
        yield make_house(root / "house")


@pytest.fixture
def runner(house: House) -> Iterator[FakeRunner]:
    with scripted_runner(house, lambda request, _: right(request)) as opened:
        yield opened


@pytest.fixture(scope="module")
def idle() -> Iterator[Evaluator]:
    """A healthy evaluator whose trees answer differently each time, for requests that are refused
    or leave no trace on others.
    """
    with short_folder() as root:
        house = make_house(root / "house", budgets=UNLIMITED)
        with (
            scripted_runner(house, lambda request, _: right(request)),
            open_evaluator(house) as opened,
        ):
            yield opened


def baseline_of(evaluator: Evaluator) -> str:
    return str(evaluator.house.plan["baseline"]["commit"])


ONE, TWO = "train-row-1", "train-row-2"
ALL = [f"train-row-{number}" for number in range(6)]
CHOICES: list[tuple[str, dict[str, Any], int, str]] = [
    ("validation", {"samples": ["validation-row-1"] * 1}, 400, "selection_not_allowed"),
    ("validation", {"num_samples": 10}, 400, "selection_not_allowed"),
    ("test", {"num_samples": 1}, 403, "no_access"),
    ("nope", {"num_samples": 1}, 400, "unknown_split"),
    ("train", {"samples": ["validation-row-1"]}, 400, "unknown_sample"),
    ("train", {"samples": []}, 400, "too_few_samples"),
    ("train", {"num_samples": 0}, 400, "too_few_samples"),
    ("train", {"num_samples": 7}, 400, "run_too_large"),
    ("train", {"samples": ALL}, 400, "run_too_large"),
    ("train", {}, 400, "run_too_large"),
    ("train", {"samples": [ONE, ONE]}, 422, "bad_body"),
    ("train", {"samples": [1]}, 422, "bad_body"),
    ("train", {"samples": ONE}, 422, "bad_body"),
    ("train", {"samples": [ONE], "num_samples": 1}, 422, "bad_body"),
    ("train", {"samples": [ONE], "seed": 1}, 422, "bad_body"),
    ("train", {"num_samples": 1.0}, 422, "bad_body"),
    ("train", {"num_samples": True}, 422, "bad_body"),
    ("train", {"num_samples": -1}, 422, "bad_body"),
    ("train", {"num_samples": 1, "seed": "x"}, 422, "bad_body"),
    ("train", {"num_samples": 1, "seed": 10**400}, 422, "bad_body"),
]


@pytest.mark.parametrize(("split", "choice", "status", "code"), CHOICES)
def test_a_choice_of_samples_that_is_refused(
    idle: Evaluator, split: str, choice: dict[str, Any], status: int, code: str
) -> None:
    answer = idle.evaluate(split, baseline_of(idle), **choice)
    assert (answer[0], answer[1]["error"]["code"]) == (status, code)


def test_a_part_of_a_viewable_split(idle: Evaluator) -> None:
    status, job = idle.evaluate("train", baseline_of(idle), samples=[TWO, ONE])
    assert (status, job["selection"], job["recorded"]) == (202, [ONE, TWO], False)
    done = idle.wait(job["id"])
    assert done["result"]["samples"] == 2
    assert done["result"]["complete"] is False
    assert [detail["id"] for detail in done["result"]["details"]] == [ONE, TWO]
    status, shown = idle.ask("GET", f"/results/{job['id']}")
    assert status == 200
    assert (shown["selection"], shown["commit"], shown["score"]) == (
        [ONE, TWO],
        baseline_of(idle),
        1.0,
    )
    file = json.loads((idle.house.results / job["id"] / "result.json").read_text())
    assert {**file, "details": shown["details"]} == shown


def test_drawn_samples_are_named_and_a_seed_repeats_them(idle: Evaluator) -> None:
    choice = {"num_samples": 3, "seed": 7}
    first, second = (idle.evaluate("train", baseline_of(idle), **choice)[1] for _ in range(2))
    assert first["selection"] == second["selection"]
    assert len(first["selection"]) == 3
    assert set(first["selection"]) <= set(ALL)


def test_a_request_larger_than_what_is_left_runs_nothing(house: House, runner: FakeRunner) -> None:
    house.plan["budgets"] = [budget("train", samples=5)]
    commit = house.plan["baseline"]["commit"]
    with open_evaluator(house) as evaluator:
        assert evaluator.evaluate("train", commit)[0] == 429
        assert evaluator.evaluate("train", commit, num_samples=3)[0] == 202
        assert evaluator.evaluate("train", commit, num_samples=3)[0] == 429
        assert evaluator.evaluate("train", commit, num_samples=2)[0] == 202
        for job in ("1", "2"):
            evaluator.wait(job)
    assert runner.count("sample") == 5


def test_the_same_tree_on_the_same_samples_is_answered_from_the_record(
    house: House, runner: FakeRunner
) -> None:
    house.plan.update(deterministic=True, budgets=[budget("train", runs=1)])
    commit = house.plan["baseline"]["commit"]
    with open_evaluator(house) as evaluator:
        first = evaluator.wait(evaluator.evaluate("train", commit)[1]["id"])
        status, again = evaluator.evaluate("train", commit)
        assert (status, again["state"], again["recorded"]) == (200, "done", True)
        assert again["result"] == {**first["result"], "recorded": True}
        assert evaluator.evaluate("train", commit, num_samples=2)[0] == 429
        house.git("commit", "--quiet", "--allow-empty", "-m", "the same tree once more")
        empty = house.git("rev-parse", "HEAD")
        assert evaluator.send(empty)[0] == 201
        status, other = evaluator.evaluate("train", empty)
        assert (status, other["commit"], other["recorded"]) == (200, empty, True)
        hidden = evaluator.wait(evaluator.evaluate("validation", commit)[1]["id"])
        status, repeated = evaluator.evaluate("validation", commit)
        assert (status, repeated["result"]) == (200, hidden["result"])
        assert repeated["result"] == {"score": 0.7}
        listed = evaluator.ask("GET", "/results")[1]["results"]
        assert [(result["id"], result.get("recorded")) for result in listed] == [
            ("1", False),
            ("2", True),
            ("3", True),
            ("4", None),
            ("5", None),
        ]
        assert set(listed[4]) == {"id", "split", "commit", "tree", "score"}
    assert runner.count("sample") == 6 + 10


def test_waiting_answers_when_the_job_has_ended(house: House, runner: FakeRunner) -> None:
    with open_evaluator(house) as evaluator:
        runner.hang_on("sample")
        job = evaluator.evaluate("train", house.plan["baseline"]["commit"])[1]["id"]
        began = time.monotonic()
        assert evaluator.ask("GET", f"/jobs/{job}?wait=0.3")[1]["state"] == "running"
        assert 0.25 < time.monotonic() - began < 3
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(evaluator.ask, "GET", f"/jobs/{job}?wait=59")
            time.sleep(0.2)
            assert evaluator.ask("POST", f"/jobs/{job}/cancel")[0] == 200
            began = time.monotonic()
            assert waiting.result()[1]["state"] == "cancelled"
            assert time.monotonic() - began < 2


def test_many_who_wait_hold_nobody_up(house: House, runner: FakeRunner) -> None:
    """More than there is room for: those beyond it are answered at once."""
    port = house.plan["listen"]["port"]
    with open_evaluator(house) as evaluator:
        runner.hang_on("sample")
        job = evaluator.evaluate("train", house.plan["baseline"]["commit"])[1]["id"]
        request = f"GET /jobs/{job}?wait=60 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        open_ones = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        for connection in open_ones:
            connection.sendall(request)
        time.sleep(1)
        began = time.monotonic()
        for _ in range(20):
            assert evaluator.ask("GET", "/status")[0] == 200
        assert time.monotonic() - began < 5
        began = time.monotonic()
        assert evaluator.ask("GET", f"/jobs/{job}?wait=60")[1]["state"] == "running"
        assert time.monotonic() - began < 5
        began = time.monotonic()
        assert evaluator.stop() == 0  # those who wait are told, and hold up no stop either
        assert time.monotonic() - began < 8
        for connection in open_ones:
            connection.close()


@pytest.mark.parametrize("wait", ["x", "-1", "nan", "inf", "1e999", ""])
def test_a_wait_is_a_number(idle: Evaluator, wait: str) -> None:
    status, document = idle.ask("GET", f"/jobs/1?wait={wait}")
    assert (status, document["error"]["code"]) == (422, "bad_query")


def test_cancelling(house: House, runner: FakeRunner) -> None:
    commit = house.plan["baseline"]["commit"]
    with open_evaluator(house) as evaluator:
        runner.hang_on("sample")
        for _ in range(2):
            evaluator.evaluate("train", commit)
        runner.wait_for("sample")
        status, document = evaluator.ask("POST", "/jobs/2/cancel")
        assert (status, document["state"], document["result"]) == (200, "cancelled", None)
        assert _runs_left(evaluator) == 2
        status, document = evaluator.ask("POST", "/jobs/1/cancel")
        assert (status, document["state"]) == (200, "cancelled")
        assert _runs_left(evaluator) == 2
        runner.hang_on(None)
        assert evaluator.measure("train", house.commit(ADDING))["state"] == "done"
        for job, code, error in (("1", 409, "job_ended"), ("3", 409, "job_ended")):
            status, document = evaluator.ask("POST", f"/jobs/{job}/cancel")
            assert (status, document["error"]["code"]) == (code, error)
        for job in ("9", "x", "-1"):
            assert evaluator.ask("POST", f"/jobs/{job}/cancel")[0] == 404
        assert evaluator.ask("GET", "/results/1")[1]["error"]["code"] == "no_result"
        assert [r["id"] for r in evaluator.ask("GET", "/results")[1]["results"]] == ["3"]
        assert evaluator.ask("GET", "/results?before=3")[1] == {"results": []}
        assert evaluator.ask("GET", "/results?before=x")[0] == 422
        assert evaluator.ask("GET", "/results/9")[0] == 404
        assert not (house.results / "1").exists()


def _runs_left(evaluator: Evaluator) -> int:
    status, document = evaluator.ask("GET", "/status")
    assert status == 200
    return int(document["splits"][0]["budget"]["runs"]["left"])


def test_submitting_is_refused_where_the_task_does_not_ask(idle: Evaluator) -> None:
    status, document = idle.ask("POST", "/submit", {"commit": baseline_of(idle)})
    assert (status, document["error"]["code"]) == (409, "submit_disabled")
    assert idle.ask("GET", "/status")[1]["submit"] == {"enabled": False, "submitted": None}


def test_a_submitted_commit_is_judged(house: House, runner: FakeRunner) -> None:
    house.plan["submit_enabled"] = True
    house.plan["selection"]["mode"] = "submit"
    with open_evaluator(house) as evaluator:
        first, second = house.commit(ADDING), house.commit(ADDING, "another")
        for body, status in (({"commit": first}, 404), ({}, 422), ({"commit": "x"}, 422)):
            assert evaluator.ask("POST", "/submit", body)[0] == status
        for commit in (first, second):
            assert evaluator.send(commit)[0] == 201
            status, document = evaluator.ask("POST", "/submit", {"commit": commit})
            assert (status, document["commit"]) == (200, commit)
        shown = evaluator.ask("GET", "/status")[1]["submit"]
        assert (shown["enabled"], shown["submitted"]["commit"]) == (True, second)
        assert evaluator.command("finalize").returncode == 0
        document = evaluator.ask("GET", "/finalization")[1]
        jsonschema.validate(document, SCHEMA)
        assert document["selection"]["chosen"]["commit"] == second
        assert document["selection"]["chosen"]["basis"] == "submitted"
        status, document = evaluator.ask("POST", "/submit", {"commit": first})
        assert (status, document["error"]["code"]) == (409, "sealed")


def test_while_the_session_closes_requests_are_told_so(house: House, runner: FakeRunner) -> None:
    house.plan["submit_enabled"] = True
    commit = house.plan["baseline"]["commit"]
    with open_evaluator(house) as evaluator:
        late = house.bundle(house.commit(ADDING))
        runner.hang_on("sample")
        job = evaluator.evaluate("validation", commit)[1]["id"]
        runner.wait_for("sample")
        with ThreadPoolExecutor(1) as pool:
            finalising = pool.submit(evaluator.control, "POST", "/finalize")
            wait_for(lambda: evaluator.ask("GET", "/status")[1]["sealed"])
            asked: list[Callable[[], tuple[int, Any]]] = [
                lambda: evaluator.evaluate("train", commit),
                lambda: evaluator.ask("POST", "/submit", {"commit": commit}),
                lambda: evaluator.ask("POST", f"/jobs/{job}/cancel"),
                lambda: evaluator.ask("POST", "/candidates", late, "application/x-git-bundle"),
            ]
            for ask in asked:
                status, document = ask()
                assert (status, document["error"]["code"]) == (503, "draining")
            assert evaluator.ask("GET", "/finalization")[0] == 404
            runner.hang_on(None)
            runner.drop()
            status, document = finalising.result()
        assert status == 200
        assert document["rewards"] == {"reward": 0.6}
        assert document["selection"]["chosen"]["commit"] == commit
        for ask in asked:
            status, document = ask()
            assert (status, document["error"]["code"]) == (409, "sealed")


def test_a_finished_session_is_exported(house: House, runner: FakeRunner, tmp_path: Path) -> None:
    with open_evaluator(house, MOORING_TEST_SECRET="s3cr3t-value") as evaluator:
        commit = house.commit(ADDING)
        evaluator.measure("train", commit)
        evaluator.measure("validation", commit)
        assert evaluator.command("finalize").returncode == 0
        document = evaluator.ask("GET", "/finalization")[1]
        jsonschema.validate(document, SCHEMA)
        assert document["export"] == {"file": "export/session.tar", "problem": None}
    archive = house.admin / "export" / "session.tar"
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    assert json.loads((tmp_path / "finalization.json").read_text()) == document
    assert (tmp_path / "results" / "1" / "samples.jsonl").exists()
    data = archive.read_bytes()
    for split in ("validation", "test", "secret"):
        for row in rows(split):
            assert row["note"].encode() not in data
    assert b"s3cr3t-value" not in data


def test_a_session_that_cannot_be_finalised_is_exported_too(house: House, tmp_path: Path) -> None:
    house.admin.mkdir()
    (house.admin / "ledger.sqlite").write_text("this was a ledger\n" * 500)
    with open_unhealthy(house) as evaluator:
        assert evaluator.command("finalize").returncode == 3
    with tarfile.open(house.admin / "export" / "session.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert "file is not a database" in manifest["problem"]
    assert (tmp_path / "ledger.sqlite").read_text().startswith("this was a ledger")


def test_finalising_bears_a_stop_and_a_start(house: House, runner: FakeRunner) -> None:
    """The collect hook keeps asking: an evaluator that is stopped in between goes on afterwards."""
    evaluator = start_evaluator(house)
    evaluator.wait_healthy()
    runner.hang_on("sample")
    with ThreadPoolExecutor(1) as pool:
        finalising = pool.submit(evaluator.command, "finalize")
        runner.wait_for("sample")
        assert evaluator.stop() == 0
        runner.hang_on(None)
        with open_evaluator(house) as again:
            assert finalising.result().returncode == 0
            assert again.ask("GET", "/finalization")[1]["rewards"] == {"reward": 0.6}


def test_what_is_no_http_is_answered_in_the_one_shape(idle: Evaluator) -> None:
    port = idle.house.plan["listen"]["port"]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 400
        assert json.loads(response.read())["error"]["code"] == "bad_request"


def test_more_requests_than_can_be_answered_are_told_so(house: House, runner: FakeRunner) -> None:
    """Half-sent bodies take the places; one more is answered in the one shape, and the control
    socket as ever.
    """
    port = house.plan["listen"]["port"]
    head = b"POST /eval HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    with open_evaluator(house) as evaluator:
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(520)]
        for connection in crowd:
            connection.sendall(head)
        wait_for(lambda: evaluator.ask("GET", "/status")[0] == 503)
        assert evaluator.ask("GET", "/status")[1]["error"]["code"] == "busy"
        assert evaluator.control("GET", "/health")[0] == 200
        for connection in crowd:
            connection.close()
        wait_for(lambda: evaluator.ask("GET", "/status")[0] == 200)


def test_two_hundred_clients_at_once(house: House, runner: FakeRunner) -> None:
    """Each asks for an evaluation and for the status: no error but `budget_spent`, and exactly what
    was granted is charged.
    """
    house.plan["budgets"] = [budget("train", runs=50)]
    commit = house.plan["baseline"]["commit"]
    with open_evaluator(house) as evaluator:
        barrier = threading.Barrier(200)

        def client(_: int) -> tuple[int, int]:
            barrier.wait()
            return evaluator.evaluate("train", commit)[0], evaluator.ask("GET", "/status")[0]

        with ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(client, range(200)))
        assert [status for _, status in answers] == [200] * 200
        granted = sorted(status for status, _ in answers)
        assert granted == [202] * 50 + [429] * 150
        assert _runs_left(evaluator) == 0
        assert evaluator.wait("50")["state"] == "done"
