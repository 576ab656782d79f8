"""The evaluator's own process with real git, real HTTP and, as root, the real runner."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest

from tests.runtime.runner.box import Box, open_box

from .fakes import right, scripted_runner
from .house import (
    ADDING,
    SAMPLES,
    WRONG,
    Evaluator,
    House,
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
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the runner changes users: needs root")


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with open_box() as opened:
        yield opened


@pytest.fixture
def house() -> Iterator[House]:
    with short_folder() as root:
        yield make_house(root / "house")


@pytest.fixture
def evaluator(house: House, box: Box) -> Iterator[Evaluator]:
    house.plan["paths"]["runner_socket"] = box.plan["socket"]
    with open_evaluator(house) as opened:
        yield opened


def everything_below(folder: Path) -> str:
    """All that a reader of a folder could read: names and content."""
    paths = [path for path in sorted(folder.rglob("*")) if ".staging" not in path.parts]
    return "".join(f"{path}\n{path.read_text() if path.is_file() else ''}\n" for path in paths)


@needs_root
def test_the_whole_loop(house: House, evaluator: Evaluator) -> None:
    adding, wrong = house.commit(ADDING), house.commit(WRONG, "another")
    train = evaluator.measure("train", adding)
    assert train["state"] == "done"
    assert train["result"]["score"] == 4 / 6
    assert [d["id"] for d in train["result"]["details"]] == [r["id"] for r in rows("train")]
    assert train["result"]["details"][1]["output"] == 8
    folder = house.results / train["id"]
    assert json.loads((folder / "result.json").read_text())["commit"] == adding
    assert len((folder / "samples.jsonl").read_text().splitlines()) == SAMPLES["train"]

    validation = evaluator.measure("validation", adding)
    assert validation["result"] == {"score": 0.7}
    shown = json.loads((house.results / validation["id"] / "result.json").read_text())
    assert set(shown) == {"id", "split", "commit", "tree", "score"}
    assert not (house.results / validation["id"] / "samples.jsonl").exists()
    assert evaluator.measure("validation", wrong)["result"] == {"score": 0.0}

    before = everything_below(house.results)
    assert evaluator.evaluate("test", adding)[0] == 403
    assert evaluator.evaluate("secret", adding)[0] == 403
    assert evaluator.evaluate("nope", adding)[0] == 400
    assert everything_below(house.results) == before

    assert evaluator.ask("GET", "/finalization")[0] == 404
    finalised = evaluator.command("finalize")
    assert (finalised.returncode, finalised.stderr) == (0, "")
    assert 'rewards: {"reward": 0.6}' in finalised.stdout
    status, document = evaluator.ask("GET", "/finalization")
    assert status == 200
    jsonschema.validate(document, SCHEMA)
    assert document["selection"]["chosen"]["commit"] == adding
    assert json.loads((house.admin / "finalization.json").read_text()) == document
    assert evaluator.evaluate("train", adding)[0] == 409
    assert evaluator.send(house.commit(ADDING, "late"))[0] == 409
    assert evaluator.command("finalize").stdout == finalised.stdout
    assert everything_below(house.results) == before
    _check_nothing_hidden(before + evaluator.process_text())


def _check_nothing_hidden(text: str) -> None:
    for split in ("validation", "test", "secret"):
        for row in rows(split):
            assert row["id"] not in text
            assert row["note"] not in text


@needs_root
def test_the_status_names_what_may_be_known(house: House, evaluator: Evaluator) -> None:
    baseline = house.plan["baseline"]["commit"]
    evaluator.measure("train", house.commit(ADDING))
    status, document = evaluator.ask("GET", "/status")
    assert status == 200
    assert (document["task"], document["sealed"]) == ("tests/adding", False)
    assert document["baseline"] == {"commit": baseline}
    assert [split["name"] for split in document["splits"]] == ["train", "validation"]
    train, validation = document["splits"]
    assert train["budget"] == {"runs": {"total": 3, "left": 2}, "samples": None}
    assert validation["budget"] == {"runs": None, "samples": {"total": 40, "left": 40}}
    assert [job["state"] for job in document["jobs"]] == ["done"]


@needs_root
def test_a_budget_ends(house: House, evaluator: Evaluator) -> None:
    baseline = house.plan["baseline"]["commit"]
    for _ in range(3):
        assert evaluator.evaluate("train", baseline)[0] == 202
    status, document = evaluator.evaluate("train", baseline)
    assert (status, document["error"]["code"]) == (429, "budget_spent")


@needs_root
def test_failures_of_a_candidate_are_told_where_they_may_be(
    house: House, evaluator: Evaluator
) -> None:
    job = evaluator.measure("train", house.commit("raise SystemExit('my own words')"))
    assert (job["state"], job["result"]["score"], job["result"]["failed"]) == ("done", 0.0, 6)
    error = job["result"]["details"][0]["error"]
    assert "exit code 1" in error
    assert "my own words" in error
    hidden = evaluator.measure("validation", house.commit("raise SystemExit('my own words')"))
    assert hidden["result"] == {"score": 0.0}
    assert "words" not in json.dumps(hidden)


def test_parallel_requests_never_overspend(house: House) -> None:
    """Fifty at once on a budget of four evaluations, with a runner that takes its time."""
    baseline = house.plan["baseline"]["commit"]
    with (
        scripted_runner(house, lambda request, _: right(request)),
        open_evaluator(house) as evaluator,
    ):
        answers: list[int] = []
        ask = lambda: answers.append(evaluator.evaluate("validation", baseline)[0])  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [202] * 4 + [429] * 46
        for number in range(1, 5):
            assert evaluator.wait(str(number))["result"] == {"score": 0.7}


def test_a_restart_in_the_middle_loses_and_refills_nothing(house: House) -> None:
    baseline = house.plan["baseline"]["commit"]
    with scripted_runner(house, lambda request, _: right(request)) as runner:
        evaluator = start_evaluator(house)
        evaluator.wait_healthy()
        runner.hang_on("sample")
        assert evaluator.evaluate("train", baseline)[0] == 202
        assert evaluator.evaluate("train", baseline)[0] == 202
        runner.wait_for("sample")
        evaluator.kill()
        runner.hang_on(None)
        with open_evaluator(house) as again:
            assert [again.wait(job)["state"] for job in ("1", "2")] == ["done", "done"]
            document = again.ask("GET", "/status")[1]
            assert document["splits"][0]["budget"]["runs"] == {"total": 3, "left": 1}


def test_finalising_goes_on_after_a_kill_by_itself(house: House) -> None:
    with scripted_runner(house, lambda request, _: right(request)) as runner:
        evaluator = start_evaluator(house)
        evaluator.wait_healthy()
        runner.hang_on("sample")
        thread = threading.Thread(target=lambda: evaluator.command("finalize"))
        thread.start()
        runner.wait_for("sample")
        evaluator.kill()
        runner.hang_on(None)
        with open_evaluator(house) as again:
            thread.join()
            status, document = again.ask("GET", "/finalization")
            assert (status, document["rewards"]) == (200, {"reward": 0.6})


def test_a_runner_that_goes_makes_the_evaluator_unhealthy(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = house.plan["baseline"]["commit"]
    with open_unhealthy(house) as evaluator:
        with scripted_runner(house, lambda request, _: right(request)):
            evaluator.wait_healthy()
        wait_for(lambda: evaluator.ask("GET", "/health")[0] == 503)
        assert evaluator.ask("GET", "/health")[1] == {
            "status": "unhealthy",
            "problems": ["runner"],
        }
        status, document = evaluator.evaluate("train", baseline)
        assert (status, document["error"]["code"]) == (503, "unhealthy")
        assert evaluator.ask("GET", "/status")[1]["jobs"] == []


def test_a_health_check_is_held_while_all_is_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answers at once, the next after its time; a problem or the end cuts it short."""
    hold = ("health", "--hold", "100")
    with open_unhealthy(house) as evaluator, ThreadPoolExecutor() as pool:
        assert evaluator.command(*hold).returncode == 3
        with scripted_runner(house, lambda request, _: right(request)):
            evaluator.wait_healthy()
            assert evaluator.command(*hold).returncode == 0
            began = time.monotonic()
            assert evaluator.command("health", "--hold", "2").returncode == 0
            assert time.monotonic() - began >= 2
            held = pool.submit(evaluator.command, *hold)
        # No second is told apart from another here: it would be a hundred of them.
        assert held.result().stderr.startswith("unhealthy: runner: ")
        with scripted_runner(house, lambda request, _: right(request)):
            evaluator.wait_healthy()
            held = pool.submit(evaluator.command, *hold)
            time.sleep(0.5)
            assert evaluator.stop() == 0
        assert held.result().returncode == 3


@pytest.mark.parametrize("seconds", ["-1", "x", "1.5", "100000"])
def test_a_hold_is_a_number_of_seconds(idle: Evaluator, seconds: str) -> None:
    done = idle.command("health", f"--hold={seconds}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--hold" in done.stderr


def _no_ledger(house: House) -> None:
    house.admin.mkdir()
    (house.admin / "ledger.sqlite").write_text("this was a ledger\n" * 500)


def _no_scorer(house: House) -> None:
    (house.root / "scorer" / "scorer.py").write_text("import no_such_module_at_all")


def _other_baseline(house: House) -> None:
    house.plan["baseline"]["commit"] = "f" * 40


def _fewer_rows(house: House) -> None:
    (house.root / "data" / "test.jsonl").write_text("")


def _no_secret(house: House) -> None:
    house.plan["secrets"] = ["MOORING_TEST_SECRET", "MOORING_TEST_EMPTY"]


UNHEALTHY = [
    (_no_ledger, "ledger", "file is not a database"),
    (_no_scorer, "scorer", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
    (_other_baseline, "candidates", ""),
    (_fewer_rows, "dataset", "split test: 0 samples where the plan says 10"),
    (_no_secret, "secrets", "MOORING_TEST_SECRET, MOORING_TEST_EMPTY"),
]


@pytest.mark.parametrize(("harm", "part", "cause"), UNHEALTHY)
def test_what_cannot_be_trusted_is_unhealthy_with_its_cause(
    house: House, harm: Callable[[House], None], part: str, cause: str
) -> None:
    harm(house)
    baseline = house.plan["baseline"]["commit"]
    with (
        scripted_runner(house, lambda request, _: right(request)),
        open_unhealthy(house, MOORING_TEST_EMPTY="") as evaluator,
    ):
        wait_for(lambda: evaluator.ask("GET", "/health")[1].get("problems") == [part])
        health = evaluator.command("health")
        assert health.returncode == 3
        assert health.stderr.startswith(f"unhealthy: {part}: ")
        assert cause in health.stderr
        assert evaluator.evaluate("train", baseline)[0] == 503
        assert evaluator.evaluate("test", baseline)[0] == 403
        if part in ("ledger", "candidates", "dataset"):
            assert evaluator.ask("GET", "/status")[0] == 503
            assert evaluator.command("finalize").returncode == 3
            assert evaluator.ask("GET", "/finalization")[0] == 503


def test_secrets_are_checked_and_stay_where_they_are(house: House) -> None:
    _no_secret(house)
    with (
        scripted_runner(house, lambda request, _: right(request)),
        open_evaluator(house, MOORING_TEST_SECRET="s3cr3t", MOORING_TEST_EMPTY="x") as evaluator,
    ):
        assert evaluator.command("health").returncode == 0
        evaluator.measure("train", house.commit(ADDING))
        assert "s3cr3t" not in everything_below(house.results) + evaluator.process_text()


def test_nobody_else_reaches_the_admin_state(house: House) -> None:
    with (
        scripted_runner(house, lambda request, _: right(request)),
        open_evaluator(house) as evaluator,
    ):
        assert stat.S_IMODE(house.admin.stat().st_mode) == 0o700
        assert stat.S_IMODE((house.admin / "control.sock").stat().st_mode) == 0o600
        assert stat.S_IMODE((house.admin / "ledger.sqlite").stat().st_mode) & 0o077 == 0
        evaluator.measure("train", house.commit(ADDING))
        assert stat.S_IMODE((house.results / "1" / "result.json").stat().st_mode) == 0o644
        assert stat.S_IMODE(house.results.stat().st_mode) == 0o755
        for target in ("/finalize", "/docs", "/openapi.json", "/", "/jobs", "/eval/"):
            assert evaluator.ask("POST", target, {})[0] in (404, 405)


@pytest.fixture(scope="module")
def idle() -> Iterator[Evaluator]:
    """A healthy evaluator that no request below changes."""
    with short_folder() as root:
        house = make_house(root / "house")
        with (
            scripted_runner(house, lambda request, _: right(request)),
            open_evaluator(house) as opened,
        ):
            yield opened


EVAL = "POST", "/eval"
BASE = {"split": "train", "commit": "e" * 40}
BAD_REQUESTS: list[tuple[str, str, object, int, str]] = [
    ("GET", "/nowhere", None, 404, "not_found"),
    ("POST", "/status", {}, 405, "method_not_allowed"),
    ("GET", "/jobs/1", None, 404, "unknown_job"),
    ("GET", "/jobs/-1", None, 404, "unknown_job"),
    ("GET", "/jobs/%C2%B2", None, 404, "unknown_job"),
    ("GET", "/jobs/99999999999999999999999", None, 404, "unknown_job"),
    (*EVAL, BASE, 404, "unknown_commit"),
    (*EVAL, {**BASE, "split": "nope"}, 400, "unknown_split"),
    (*EVAL, {**BASE, "split": "test"}, 403, "no_access"),
    (*EVAL, {**BASE, "split": "secret"}, 403, "no_access"),
    (*EVAL, {**BASE, "commit": "HEAD"}, 422, "bad_body"),
    (*EVAL, {**BASE, "commit": "--upload-pack=x" + "0" * 25}, 422, "bad_body"),
    (*EVAL, {**BASE, "commit": "E" * 40}, 422, "bad_body"),
    (*EVAL, {**BASE, "samples": [1]}, 422, "bad_body"),
    (*EVAL, {"split": "train"}, 422, "bad_body"),
    (*EVAL, {**BASE, "split": ["train"]}, 422, "bad_body"),
    (*EVAL, [], 422, "bad_body"),
    (*EVAL, b"", 422, "bad_body"),
    (*EVAL, b"\xff", 422, "bad_body"),
    (*EVAL, b"[" * 16000, 422, "bad_body"),
    (*EVAL, b"x" * 300000, 413, "body_too_large"),
    ("POST", "/candidates", {}, 422, "bad_body"),
]


@pytest.mark.parametrize(("method", "target", "body", "status", "code"), BAD_REQUESTS)
def test_bad_requests_have_one_shape(
    idle: Evaluator, method: str, target: str, body: object, status: int, code: str
) -> None:
    answer = idle.ask(method, target, body)
    assert answer[0] == status, answer
    assert set(answer[1]) == {"error"}
    assert set(answer[1]["error"]) == {"code", "message"}
    assert answer[1]["error"]["code"] == code


def test_bundles_are_bounded_and_checked(idle: Evaluator) -> None:
    kind = "application/x-git-bundle"
    limit = idle.house.plan["limits"]["bundle_bytes"]
    status, document = idle.ask("POST", "/candidates", b"x" * (limit + 1), kind)
    assert (status, document["error"]["code"]) == (413, "bundle_too_large")
    status, document = idle.ask("POST", "/candidates", b"not a bundle", kind)
    assert (status, document["error"]["code"]) == (422, "bad_bundle")
    assert list((idle.house.admin / "spool").iterdir()) == []


def test_a_body_without_a_length_is_bounded_too(idle: Evaluator) -> None:
    limit = idle.house.plan["limits"]["bundle_bytes"]
    port = idle.house.plan["listen"]["port"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    chunks = (b"x" * 65536 for _ in range(limit // 65536 + 2))
    headers = {"Content-Type": "application/x-git-bundle"}
    try:
        connection.request("POST", "/candidates", body=chunks, headers=headers)
    except ConnectionError:
        pass  # it stopped listening; its answer is there all the same, or the connection is gone
    else:
        assert connection.getresponse().status == 413
    finally:
        connection.close()
    assert list((idle.house.admin / "spool").iterdir()) == []


def test_slow_clients_do_not_hold_up_others(idle: Evaluator) -> None:
    port = idle.house.plan["listen"]["port"]
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(b"POST /eval HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
    started = time.monotonic()
    assert idle.ask("GET", "/health")[0] == 200
    assert time.monotonic() - started < 2
    for connection in slow:
        connection.close()


def test_the_baseline_can_be_evaluated_without_being_sent(idle: Evaluator) -> None:
    status, job = idle.evaluate("validation", idle.house.plan["baseline"]["commit"])
    assert status == 202
    assert set(job) == {
        "id",
        "split",
        "commit",
        "tree",
        "selection",
        "recorded",
        "state",
        "submitted",
        "finished",
        "result",
        "problem",
    }
    assert idle.wait(job["id"])["state"] == "done"


def test_sigterm_while_samples_run_ends_soon(house: House) -> None:
    with scripted_runner(house, lambda request, _: right(request)) as runner:
        evaluator = start_evaluator(house)
        evaluator.wait_healthy()
        runner.hang_on("sample")
        evaluator.evaluate("train", house.plan["baseline"]["commit"])
        runner.wait_for("sample")
        started = time.monotonic()
        assert evaluator.stop() == 0
        assert time.monotonic() - started < 8
