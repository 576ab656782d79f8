"""`mooring wait`, `results`, `submit` and `cancel` against a stub evaluator."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.git_oddities import run_git
from tests.runtime.client.stub import Answer, assert_readable, error, mooring, serving, write_plan
from tests.runtime.client.test_eval import VIEWABLE, Bench, bench, job

__all__ = ["bench"]
A = "a" * 40


def run(
    bench: Bench, answers: dict[str, list[Answer]], *words: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    with serving(answers) as stub:
        done = mooring(*words, "--plan", bench.plan, url=stub.url, cwd=bench.work)
    assert_readable(done)
    return done, stub.asked()


def test_wait_shows_what_eval_would_have_shown(bench: Bench) -> None:
    states: list[Answer] = [(200, job(A, "running")), (200, job(A, result=VIEWABLE))]
    done, asked = run(bench, {"GET /jobs/7": states}, "wait", "7")
    assert (done.returncode, asked) == (0, ["GET /jobs/7"] * 2)
    assert done.stdout.startswith("job 7: commit aaaaaaaaaaaa on train (viewable)\n  score    0.5")


def test_wait_without_an_id_waits_for_the_latest(bench: Bench) -> None:
    answers: dict[str, list[Answer]] = {
        "GET /status": [(200, {"jobs": [{}, job(A)]})],
        "GET /jobs/7": [(200, job(A, result=VIEWABLE))],
    }
    done, asked = run(bench, answers, "wait", "--json")
    assert asked == ["GET /status", "GET /jobs/7"]
    assert json.loads(done.stdout)["result"] == VIEWABLE


@pytest.mark.parametrize(
    ("answers", "words", "code", "said"),
    [
        ({"GET /status": [(200, {"jobs": []})]}, (), 2, "no evaluation was asked for"),
        ({"GET /status": [(200, {})]}, (), 3, "no list of jobs"),
        ({"GET /status": [(200, {"jobs": [{}]})]}, (), 3, "not a job"),
        ({}, ("9",), 4, "no such thing"),
        ({}, ("../status",), 2, "'../status' is no evaluation's id"),
        ({}, ("7?wait=1",), 2, "is no evaluation's id"),
        (
            {"GET /jobs/7": [(200, job(A, "cancelled", problem="it was\x1b"))]},
            ("7",),
            3,
            "was\\x1b",
        ),
        ({"GET /jobs/7": [(200, {})]}, ("7",), 3, "not a job"),
    ],
)
def test_waiting_for_nothing(
    bench: Bench, answers: dict[str, list[Answer]], words: tuple[str, ...], code: int, said: str
) -> None:
    done, _ = run(bench, {**answers}, "wait", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def entry(number: int, **more: object) -> dict[str, object]:
    return {"id": str(number), "split": "train", "commit": A, "score": 0.25, **more}


def test_results_are_listed_page_by_page(bench: Bench) -> None:
    pages: list[Answer] = [
        (200, {"results": [entry(5), entry(6, selection=["s1"])]}),
        (200, {"results": [entry(4, split="validation", score=0.123456)]}),
        (200, {"results": []}),
    ]
    with serving({"GET /results": [*pages]}) as stub:
        done = mooring("results", "--plan", bench.plan, url=stub.url, cwd=bench.work)
        assert stub.queries == ["", "before=5", "before=4"]
    assert done.stdout.splitlines() == [
        "job  split       commit        score",
        "4    validation  aaaaaaaaaaaa  0.1235",
        "5    train       aaaaaaaaaaaa  0.2500",
        "6    train       aaaaaaaaaaaa  0.2500  chosen samples: s1",
    ]
    done, _ = run(bench, {"GET /results": [*pages]}, "results", "--json")
    assert [item["id"] for item in json.loads(done.stdout)["results"]] == ["4", "5", "6"]


def test_no_results(bench: Bench) -> None:
    done, _ = run(bench, {"GET /results": [(200, {"results": []})]}, "results")
    assert (done.returncode, done.stdout) == (0, "no results yet\n")


def test_one_result_again(bench: Bench) -> None:
    result = {"id": "7", "split": "train", "commit": A, "tree": A, "selection": None, **VIEWABLE}
    done, _ = run(bench, {"GET /results/7": [(200, {**result, "recorded": True})]}, "results", "7")
    assert done.returncode == 0
    assert done.stdout.splitlines()[:2] == [
        "job 7: commit aaaaaaaaaaaa on train (viewable)",
        "  score    0.5000",
    ]
    assert "nothing charged" in done.stdout
    assert "s2      0.0000" in done.stdout
    done, _ = run(bench, {"GET /results/7": [(200, result)]}, "results", "7", "--json")
    assert json.loads(done.stdout) == result


@pytest.mark.parametrize(
    ("answers", "words", "code", "said"),
    [
        ({"GET /results": [(200, {"results": 1})]}, (), 3, "no list of results"),
        ({"GET /results": [(200, {"results": [{"id": "a/b"}]})]}, (), 3, "no list of results"),
        (
            {"GET /results/7": [(404, error("no_result", "the job is running"))]},
            ("7",),
            3,
            "mooring wait JOB",
        ),
        ({"GET /results/7": [(404, error("unknown_job", "no such job"))]}, ("7",), 4, "status"),
        ({}, ("x/y",), 2, "no evaluation's id"),
    ],
)
def test_results_that_cannot_be_had(
    bench: Bench, answers: dict[str, list[Answer]], words: tuple[str, ...], code: int, said: str
) -> None:
    done, _ = run(bench, {**answers}, "results", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_submit_sends_the_commit_first(bench: Bench) -> None:
    head = bench.commit("a.py", b"2\n")
    (bench.work / "b.py").write_text("changed")
    submission = {"commit": head, "tree": A, "submitted": "2000-01-01T00:00:00Z"}
    answers: dict[str, list[Answer]] = {
        "POST /submit": [(404, error("unknown_commit", "no such commit")), (200, submission)],
        "POST /candidates": [(201, {"commit": head, "tree": A})],
    }
    with serving(answers) as stub:
        done = mooring("submit", "--plan", bench.plan, url=stub.url, cwd=bench.work)
    assert stub.asked() == ["POST /submit", "POST /candidates", "POST /submit"]
    assert json.loads(stub.requests[0][1]) == {"commit": head}
    assert (done.returncode, done.stdout) == (0, f"submitted: {head[:12]}\n")
    assert_readable(done, ["only commits are evaluated", "b.py"])


def test_submit_an_older_commit(bench: Bench) -> None:
    bench.commit("a.py", b"2\n")
    answer = {"commit": bench.baseline, "tree": A, "submitted": "x"}
    words = ("submit", "HEAD~1", "--json")
    done, asked = run(bench, {"POST /submit": [(200, answer)]}, *words)
    assert (json.loads(done.stdout), asked) == (answer, ["POST /submit"])


@pytest.mark.parametrize(
    ("answer", "words", "code", "said"),
    [
        ((409, error("submit_disabled", "this task chooses")), (), 4, "nothing is submitted"),
        ((409, error("sealed", "the session is over")), (), 4, "nothing left to ask"),
        ((200, {}), ("nothing",), 2, "no commit 'nothing'"),
    ],
)
def test_submissions_that_are_refused(
    bench: Bench, answer: Answer, words: tuple[str, ...], code: int, said: str
) -> None:
    done, _ = run(bench, {"POST /submit": [answer]}, "submit", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_submit_where_the_plan_has_none(bench: Bench, tmp_path: Path) -> None:
    plan = write_plan(tmp_path, bench.work, bench.baseline, {"submit_enabled": False})
    with serving({}) as stub:
        done = mooring("submit", "--plan", plan, "--json", url=stub.url, cwd=bench.work)
    assert (done.returncode, stub.asked()) == (4, [])
    assert json.loads(done.stdout)["error"]["code"] == "submit_disabled"


def test_cancel(bench: Bench) -> None:
    cancelled = job(A, "cancelled", problem="cancelled by\x1b request")
    done, asked = run(bench, {"POST /jobs/7/cancel": [(200, cancelled)]}, "cancel", "7")
    assert (done.returncode, asked) == (0, ["POST /jobs/7/cancel"])
    assert done.stdout == "job 7 is cancelled: cancelled by\\x1b request\n"
    done, _ = run(bench, {"POST /jobs/7/cancel": [(200, cancelled)]}, "cancel", "7", "--json")
    assert json.loads(done.stdout) == cancelled


@pytest.mark.parametrize(
    ("answer", "words", "code", "said"),
    [
        ((409, error("job_ended", "the job has ended already")), ("7",), 4, "mooring results"),
        ((404, error("unknown_job", "there is no such job")), ("7",), 4, "mooring status"),
        ((200, {}), ("7",), 3, "not a job"),
        ((200, {}), (), 2, "--help"),
        ((200, {}), ("a/b",), 2, "no evaluation's id"),
    ],
)
def test_what_cannot_be_cancelled(
    bench: Bench, answer: Answer, words: tuple[str, ...], code: int, said: str
) -> None:
    done, _ = run(bench, {"POST /jobs/7/cancel": [answer]}, "cancel", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_each_command_takes_json_and_says_errors_in_it(bench: Bench) -> None:
    run_git(bench.work, "tag", "x")
    for words in (("wait", "7"), ("status",), ("results",), ("submit",), ("cancel", "7")):
        done = mooring(
            *words, "--json", "--plan", bench.plan, url="http://127.0.0.1:9", cwd=bench.work
        )
        assert done.returncode == 3
        assert json.loads(done.stdout)["error"]["code"] == "unreachable"
