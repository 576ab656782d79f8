"""`mooring eval`: what is sent, what is printed, and how each answer of the evaluator ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.git_oddities import run_git
from tests.runtime.baseline.archives import make_repository
from tests.runtime.baseline.test_recreate import find_pythons
from tests.runtime.client.stub import (
    PART,
    Answer,
    Stub,
    assert_readable,
    error,
    mooring,
    serving,
    write_plan,
)

UNKNOWN = (404, error("unknown_commit", "there is no such commit"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    work: Path
    plan: Path
    baseline: str

    def head(self) -> str:
        return run_git(self.work, "rev-parse", "HEAD").decode().strip()

    def commit(self, name: str, content: bytes) -> str:
        (self.work / name).write_bytes(content)
        run_git(self.work, "add", "-A")
        run_git(self.work, "commit", "-q", "-m", "A change")
        return self.head()

    def run(
        self, url: str | None, *words: str, cwd: Path | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        words = words or ("--split", "train")
        where = cwd or self.work
        return mooring("eval", "--plan", self.plan, *words, url=url, cwd=where, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    work = make_repository(tmp_path / "work", {"a.py": b"1\n", "b.py": b"1\n"})
    baseline = run_git(work, "rev-parse", "HEAD").decode().strip()
    return Bench(work=work, plan=write_plan(tmp_path, work, baseline), baseline=baseline)


def job(
    commit: str, state: str = "done", split: str = "train", **more: object
) -> dict[str, object]:
    return {"id": "7", "split": split, "commit": commit, "state": state, "problem": None, **more}


VIEWABLE = {
    "score": 0.5,
    "metrics": {"close": 0.75},
    "samples": 2,
    "scored": 1,
    "failed": 1,
    "details": [
        {"id": "s1", "score": 1.0, "metrics": {}, "output": 42, "error": None},
        {"id": "s2", "score": 0.0, "metrics": {}, "output": None, "error": "exit 1: \x1b[31mno"},
    ],
}


@pytest.fixture
def stub(bench: Bench) -> Generator[Stub]:
    """An evaluator that takes one commit after the baseline, and is done on the second question."""
    head = bench.commit("a.py", b"2\n")
    answers: dict[str, list[Answer]] = {
        "POST /eval": [UNKNOWN, (202, job(head, "queued"))],
        "POST /candidates": [(201, {"commit": head, "tree": "0" * 40})],
        "GET /jobs/7": [(200, job(head, "running")), (200, job(head, result=VIEWABLE))],
    }
    with serving(answers) as found:
        yield found


def test_a_new_commit_is_sent_evaluated_and_shown(bench: Bench, stub: Stub, tmp_path: Path) -> None:
    done = bench.run(stub.url)
    assert_readable(done)
    assert done.returncode == 0
    assert stub.asked() == ["POST /eval", "POST /candidates", "POST /eval", *["GET /jobs/7"] * 2]
    assert json.loads(stub.requests[0][1]) == {"split": "train", "commit": bench.head()}
    assert done.stdout.splitlines() == [
        f"job 7: commit {bench.head()[:12]} on train (viewable)",
        "  score    0.5000",
        "  close    0.7500",
        "  counts   2 samples, 1 scored, 1 failed",
        "",
        "sample  score   output  error",
        "s2      0.0000  -       exit 1: \\x1b[31mno",
        "s1      1.0000  42",
        "",
        "every sample: /work/results/7/samples.jsonl",
    ]
    file = tmp_path / "sent.bundle"
    file.write_bytes(stub.bodies("POST /candidates")[0])
    assert (
        b"is okay"
        in subprocess.run(
            ["git", "bundle", "verify", file], cwd=bench.work, capture_output=True, check=True
        ).stderr
    )
    heads = run_git(bench.work, "bundle", "list-heads", str(file)).decode().split()
    assert heads == [bench.head(), "refs/heads/candidate"]
    assert f"-{bench.baseline}".encode() in file.read_bytes()
    assert run_git(bench.work, "for-each-ref", "--format=%(refname)") == b"refs/heads/main\n"


def test_json(bench: Bench, stub: Stub) -> None:
    done = bench.run(stub.url, "--split", "train", "--json")
    assert json.loads(done.stdout)["result"] == VIEWABLE
    assert_readable(done)


def test_only_the_aggregate_of_a_non_viewable_split(bench: Bench) -> None:
    result = job(bench.baseline, split="validation", result={"score": 0.25})
    with serving({"POST /eval": [(202, result)]}) as stub:
        done = bench.run(stub.url, "--split", "validation")
    assert done.stdout.splitlines() == [
        f"job 7: commit {bench.baseline[:12]} on validation (non_viewable)",
        "  score    0.2500",
        "",
        "also in /work/results/7/result.json",
    ]


@pytest.mark.parametrize("name", ["HEAD~1", "HEAD^", "start"])
def test_a_known_commit_needs_no_bundle(bench: Bench, name: str) -> None:
    run_git(bench.work, "tag", "start")
    bench.commit("a.py", b"2\n")
    with serving({"POST /eval": [(202, job(bench.baseline, result=VIEWABLE))]}) as stub:
        done = bench.run(stub.url, "--split", "train", "--commit", name)
    assert done.returncode == 0
    assert stub.asked() == ["POST /eval"]
    assert json.loads(stub.requests[0][1])["commit"] == bench.baseline


def test_the_baseline_is_never_bundled(bench: Bench) -> None:
    with serving({"POST /eval": [UNKNOWN]}) as stub:
        done = bench.run(stub.url)
    assert (done.returncode, stub.asked()) == (4, ["POST /eval"])


def test_history_without_the_baseline_is_sent_whole(bench: Bench, tmp_path: Path) -> None:
    run_git(bench.work, "checkout", "-q", "--orphan", "new")
    head = bench.commit("a.py", b"2\n")
    other = make_repository(tmp_path / "other", {})
    answers: dict[str, list[Answer]] = {
        "POST /eval": [UNKNOWN, (202, job(head, result=VIEWABLE))],
        "POST /candidates": [(201, {"commit": head, "tree": "0" * 40})],
    }
    plan = write_plan(tmp_path, bench.work, "1" * 40)
    with serving(answers) as stub:
        done = mooring("eval", "--split=train", "--plan", plan, url=stub.url, cwd=bench.work)
    assert done.returncode == 0
    file = tmp_path / "sent.bundle"
    file.write_bytes(stub.bodies("POST /candidates")[0])
    run_git(other, "fetch", "-q", str(file), "refs/heads/candidate")
    assert run_git(other, "rev-parse", "FETCH_HEAD").decode().strip() == head


def test_sha256(tmp_path: Path) -> None:
    work = make_repository(tmp_path / "work", {"a.py": b"1\n"}, "sha256")
    baseline = run_git(work, "rev-parse", "HEAD").decode().strip()
    bench = Bench(work=work, plan=write_plan(tmp_path, work, baseline), baseline=baseline)
    head = bench.commit("a.py", b"2\n")
    answers: dict[str, list[Answer]] = {
        "POST /eval": [UNKNOWN, (202, job(head, result=VIEWABLE))],
        "POST /candidates": [(201, {"commit": head, "tree": "0" * 64})],
    }
    with serving(answers) as stub:
        assert bench.run(stub.url).returncode == 0
    (tmp_path / "sent.bundle").write_bytes(stub.bodies("POST /candidates")[0])
    run_git(work, "bundle", "verify", "-q", str(tmp_path / "sent.bundle"))


def test_uncommitted_files_are_named(bench: Bench, stub: Stub) -> None:
    for number in range(7):
        (bench.work / f"new{number}\x1b.py").write_text("x")
    (bench.work / "b.py").write_text("changed")
    done = bench.run(stub.url)
    assert_readable(done, ["only commits are evaluated", "b.py", "new0\\x1b.py", "and 3 more"])
    assert done.returncode == 0


def test_a_renamed_file_is_named_once(bench: Bench, stub: Stub) -> None:
    run_git(bench.work, "mv", "b.py", "c.py")
    done = bench.run(stub.url)
    assert done.stderr.splitlines()[1] == "  c.py"


def test_nothing_is_said_of_a_clean_tree_or_an_older_commit(bench: Bench, stub: Stub) -> None:
    (bench.work / ".git/info").mkdir()
    (bench.work / ".git/info/exclude").write_text("*.log\n")
    (bench.work / "x.log").write_text("ignored")
    assert "warning" not in bench.run(stub.url).stderr
    (bench.work / "b.py").write_text("changed")
    assert "warning" not in bench.run(stub.url, "--split", "train", "--commit", "HEAD~1").stderr


@pytest.mark.parametrize("cwd", ["work/sub", "work/.git", "elsewhere", "tree"])
def test_folders_from_which_it_works(bench: Bench, stub: Stub, tmp_path: Path, cwd: str) -> None:
    (bench.work / "sub").mkdir()
    (tmp_path / "elsewhere").mkdir()
    run_git(bench.work, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    assert bench.run(stub.url, cwd=tmp_path / cwd).returncode == 0


def test_another_repository_is_an_error(bench: Bench, stub: Stub) -> None:
    other = make_repository(bench.work / "vendor", {"a": b"1\n"})
    done = bench.run(stub.url, cwd=other)
    assert_readable(done, ["another repository", f"cd {bench.work}"])
    assert (done.returncode, stub.asked()) == (2, [])


def test_a_hooks_environment_does_not_mislead(bench: Bench, stub: Stub) -> None:
    extra = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere", "GIT_WORK_TREE": "/nowhere"}
    assert bench.run(stub.url, extra=extra).returncode == 0


@pytest.mark.parametrize("python", find_pythons())
def test_other_pythons(bench: Bench, stub: Stub, python: str) -> None:
    done = bench.run(stub.url, python=python)
    assert (done.returncode, "every sample" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("status", "document", "code", "words"),
    [
        (400, error("unknown_split", "there is no such split"), 2, ["no such split"]),
        (403, error("no_access", "this split cannot be evaluated"), 4, ["mooring status"]),
        (409, error("sealed", "the session is sealed"), 4, ["the session is sealed (sealed)"]),
        (422, error("bad_body", "not so"), 4, ["not so"]),
        (429, error("too_many_jobs", "a session takes 9"), 4, ["a session takes 9"]),
        (400, error("unknown_sample", "no sample 'x'"), 2, ["no sample 'x' (unknown_sample)"]),
        (400, error("too_few_samples", "at least 5"), 2, ["at least 5"]),
        (400, error("run_too_large", "at most 5"), 2, ["at most 5"]),
        (503, error("draining", "the session is being closed"), 4, ["nothing left to ask"]),
        (503, error("queue_full", "100 are waiting"), 3, ["Ask again in a while"]),
        (500, error("machinery", "something broke"), 3, ["something broke"]),
        (503, error("unhealthy", "not now"), 3, ["not now"]),
        (
            403,
            error("x\x1b]0;t\x07", "evil\x1b[2J\n\u202etext"),
            4,
            ["evil\\x1b[2J\\x0a\\u202etext"],
        ),
        (418, b"<html>", 4, ["HTTP status 418"]),
        (302, {}, 3, ["HTTP status 302"]),
        (500, [], 3, ["HTTP status 500"]),
        (500, {"error": "text"}, 3, ["HTTP status 500"]),
        (500, b"[" * 100000, 3, ["HTTP status 500"]),
        (202, b"not json", 3, ["not a JSON object"]),
        (202, [], 3, ["not a JSON object"]),
        (202, {"id": "7"}, 3, ["not a job"]),
        (202, {"id": "../7", "state": "done"}, 3, ["not a job"]),
        (202, {"id": 7, "state": "done"}, 3, ["not a job"]),
        (
            202,
            job("0" * 40, "invalid", problem="the runner\x07 is gone"),
            3,
            ["runner\\x07 is gone"],
        ),
        (202, job("0" * 40, "cancelled"), 3, ["is cancelled", "no reason"]),
        (202, job("0" * 40), 3, ["has no result"]),
        (0, b"HTTP/9 nonsense\r\n\r\n", 3, ["cannot be reached"]),
        (0, b"", 3, ["cannot be reached"]),
    ],
)
def test_answers(bench: Bench, status: int, document: object, code: int, words: list[str]) -> None:
    with serving({"POST /eval": [(status, document)]}) as stub:
        done = bench.run(stub.url)
    assert_readable(done, words)
    assert (done.returncode, done.stdout) == (code, "")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (
            (413, error("bundle_too_large", "a bundle may have 9 bytes")),
            4,
            ["9 bytes", "large files"],
        ),
        ((422, error("submodule", "'x' is a submodule")), 4, ["is a submodule (submodule)"]),
        ((201, {"commit": "1" * 40, "tree": "2" * 40}), 3, ["took another commit"]),
        ((201, {}), 3, ["took another commit"]),
    ],
)
def test_answers_to_a_bundle(bench: Bench, answer: Answer, code: int, words: list[str]) -> None:
    bench.commit("a.py", os.urandom(3_000_000))
    with serving({"POST /eval": [UNKNOWN], "POST /candidates": [answer]}) as stub:
        done = bench.run(stub.url)
    assert_readable(done, words)
    assert done.returncode == code


def test_an_answer_that_comes_before_all_is_sent(bench: Bench) -> None:
    """A server that refuses on the header, closes, and leaves the rest of the body unread."""
    bench.commit("a.py", os.urandom(20_000_000))
    unknown = json.dumps(UNKNOWN[1]).encode()
    large = json.dumps(error("bundle_too_large", "a bundle may have 9 bytes")).encode()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        argv: list[str | Path] = [
            sys.executable,
            "-I",
            "-S",
            PART,
            "eval",
            "--split=train",
            "--plan",
            bench.plan,
        ]
        process = subprocess.Popen(
            argv,
            cwd=bench.work,
            env={"PATH": os.environ["PATH"], "MOORING_EVAL_URL": url},
            stderr=subprocess.PIPE,
            text=True,
        )
        for status, body in (("404 Not Found", unknown), ("413 Too Large", large)):
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)
                connection.shutdown(socket.SHUT_WR)
                time.sleep(0.3)
    stderr = process.communicate(timeout=30)[1]
    assert "Traceback" not in stderr
    assert (process.returncode, "9 bytes" in stderr) in {(4, True), (3, False)}


def test_an_evaluator_that_is_away_while_waiting(bench: Bench) -> None:
    answers: dict[str, list[Answer]] = {
        "POST /eval": [(202, job(bench.baseline, "queued"))],
        "GET /jobs/7": [
            (503, error("unhealthy", "not now")),
            (0, b""),
            (200, job(bench.baseline, result=VIEWABLE)),
        ],
    }
    with serving(answers) as stub:
        assert bench.run(stub.url).returncode == 0


def test_the_evaluator_is_asked_to_hold_its_answer(bench: Bench, stub: Stub) -> None:
    bench.run(stub.url)
    assert stub.queries == ["", "", "", "wait=30", "wait=30"]


def test_an_evaluator_that_does_not_hold_is_not_asked_without_pause(bench: Bench) -> None:
    running: Answer = (200, job(bench.baseline, "running"))
    answers: dict[str, list[Answer]] = {
        "POST /eval": [(202, job(bench.baseline, "queued"))],
        "GET /jobs/7": [*[running] * 4, (200, job(bench.baseline, result=VIEWABLE))],
    }
    with serving(answers) as stub:
        began = time.monotonic()
        assert bench.run(stub.url).returncode == 0
        assert time.monotonic() - began > 0.1 + 0.15 + 0.22 + 0.33


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (("--samples", "s1,s2"), {"samples": ["s1", "s2"]}),
        (("--samples", '["a,b", "[", "é"]'), {"samples": ["a,b", "[", "é"]}),
        (("--num-samples", "5"), {"num_samples": 5}),
        (("--num-samples", "5", "--seed", "-3"), {"num_samples": 5, "seed": -3}),
    ],
)
def test_chosen_samples(bench: Bench, words: tuple[str, ...], sent: dict[str, object]) -> None:
    found = job(bench.baseline, result=VIEWABLE, selection=["s1", "s\x1b2"])
    with serving({"POST /eval": [(202, found)]}) as stub:
        done = bench.run(stub.url, "--split=train", *words)
    assert_readable(done)
    assert json.loads(stub.requests[0][1]) == {
        "split": "train",
        "commit": bench.baseline,
        **sent,
    }
    assert "  of       chosen samples: s1, s\\x1b2" in done.stdout.splitlines()


def test_many_chosen_samples_are_counted(bench: Bench) -> None:
    found = job(bench.baseline, result=VIEWABLE, selection=[f"s{n}" for n in range(30)])
    with serving({"POST /eval": [(202, found)]}) as stub:
        done = bench.run(stub.url)
    assert "s6, s7 and 22 more" in done.stdout


def test_a_recorded_result_is_named_so(bench: Bench) -> None:
    found = job(bench.baseline, result=VIEWABLE, recorded=True)
    with serving({"POST /eval": [(200, found)]}) as stub:
        done = bench.run(stub.url)
    assert (done.returncode, "nothing charged" in done.stdout) == (0, True)


def test_lost_samples_are_counted(bench: Bench) -> None:
    found = job(bench.baseline, result={**VIEWABLE, "lost": 1})
    with serving({"POST /eval": [(200, found)]}) as stub:
        assert "1 scored, 1 failed, 1 lost" in bench.run(stub.url).stdout


def test_detached(bench: Bench) -> None:
    queued = job(bench.baseline, "queued")
    with serving({"POST /eval": [(202, queued)]}) as stub:
        done = bench.run(stub.url, "--split", "train", "--detach")
        as_json = bench.run(stub.url, "--split", "train", "--detach", "--json")
    assert stub.asked() == ["POST /eval"] * 2
    assert done.stdout == f"job 7: commit {bench.baseline[:12]} on train, queued\n"
    assert_readable(done, ["`mooring wait 7`", "`mooring cancel 7`"])
    assert (json.loads(as_json.stdout), as_json.returncode) == (queued, 0)


def test_the_only_split_need_not_be_named(bench: Bench, tmp_path: Path) -> None:
    only = {"splits": [{"name": "one", "access": "viewable", "min_samples": 1}]}
    plan = write_plan(tmp_path, bench.work, bench.baseline, only)
    with serving({"POST /eval": [(202, job(bench.baseline, split="one", result=VIEWABLE))]}) as s:
        done = mooring("eval", "--plan", plan, url=s.url, cwd=bench.work)
    assert (done.returncode, json.loads(s.requests[0][1])["split"]) == (0, "one")


SPENT = (429, error("budget_spent", "what is left does not pay this evaluation"))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            {
                "splits": [
                    {"name": "x"},
                    {"name": "train", "budget": {"runs": {"left": 0, "total": 3}}},
                ],
                "jobs": [],
            },
            "Left on train: runs 0 of 3, samples no limit.",
        ),
        ({"splits": []}, "says nothing of train"),
        ({}, "`mooring status` shows"),
        (None, "`mooring status` shows"),
    ],
)
def test_a_spent_budget_says_what_is_left(bench: Bench, status: object, said: str) -> None:
    answers: dict[str, list[Answer]] = {"POST /eval": [SPENT]}
    if status is not None:
        answers["GET /status"] = [(200, status)]
    with serving(answers) as stub:
        done = bench.run(stub.url)
        as_json = bench.run(stub.url, "--split", "train", "--json")
    assert_readable(done, ["does not pay", said, "do not repeat this request"])
    assert done.returncode == as_json.returncode == 4
    assert said in json.loads(as_json.stdout)["error"]["hint"]
    assert json.loads(as_json.stdout)["error"]["code"] == "budget_spent"


@pytest.mark.parametrize(
    ("answer", "code", "expected"),
    [
        ((202, job("0" * 40, "invalid", problem="x")), 3, job("0" * 40, "invalid", problem="x")),
        (
            (403, error("no_access", "this split cannot be evaluated")),
            4,
            {
                "error": {
                    "code": "no_access",
                    "message": "this split cannot be evaluated (no_access)",
                    "hint": "`mooring status` lists the splits that can be evaluated.",
                }
            },
        ),
    ],
)
def test_json_without_a_score(bench: Bench, answer: Answer, code: int, expected: object) -> None:
    with serving({"POST /eval": [answer]}) as stub:
        done = bench.run(stub.url, "--split", "train", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (code, expected)
    assert_readable(done)


def test_a_lost_answer_may_have_been_a_request(bench: Bench) -> None:
    with serving({"POST /eval": [(0, b"")]}) as stub:
        done = bench.run(stub.url)
    assert_readable(done, ["cannot be reached", "may have been begun", "mooring status"])
    done = bench.run("http://127.0.0.1:9")
    assert "may have been begun" not in done.stderr


def test_a_job_that_vanishes(bench: Bench) -> None:
    with serving({"POST /eval": [(202, job(bench.baseline, "queued"))]}) as stub:
        done = bench.run(stub.url)
    assert_readable(done, ["no such thing"])
    assert done.returncode == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_interrupts_learns_that_it_goes_on(bench: Bench, number: signal.Signals) -> None:
    running = job(bench.baseline, "running")
    with serving({"POST /eval": [(202, running)], "GET /jobs/7": [(200, running)]}) as stub:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", PART, "eval", "--split=train", "--plan", bench.plan],
            cwd=bench.work,
            env={"PATH": os.environ["PATH"], "MOORING_EVAL_URL": stub.url},
            stderr=subprocess.PIPE,
            text=True,
        )
        while "GET /jobs/7" not in stub.asked():
            time.sleep(0.02)
        process.send_signal(number)
        stderr = process.communicate(timeout=30)[1]
    assert "Traceback" not in stderr
    assert "It goes on in the evaluator" in stderr
    assert "`mooring wait 7` goes on waiting" in stderr
    assert process.returncode == 128 + number
    assert stub.asked().count("POST /jobs/7/cancel") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--split", "trian"),
            ["'trian' is no split", "Did you mean 'train'?", "validation (non_"],
        ),
        (("--split", "test"), ["Splits: train (viewable), validation (non_viewable)"]),
        (("--split", "\x1b[2J"), ["\\x1b[2J"]),
        (("--detach",), ["which split?", "Splits: train (viewable), validation (non_viewable)"]),
        (("--split=train", "--samples=a", "--num-samples=1"), ["not allowed with"]),
        (("--split=train", "--num-samples=0"), ["'0' is not a number of samples"]),
        (("--split=train", "--num-samples=-1"), ["'-1' is not a number of samples"]),
        (("--split=train", "--num-samples=x\x1b"), ["is not a number of samples"]),
        (("--split=train", "--num-samples=1"), ["at least 2 samples"]),
        (("--split=train", "--seed=1"), ["--seed goes with --num-samples"]),
        (("--split=train", "--samples=s1"), ["at least 2 samples"]),
        (("--split=train", "--samples="), ["has an empty id"]),
        (("--split=train", "--samples=s1,,s2"), ["has an empty id"]),
        (("--split=train", "--samples=s1,s2,s1"), ["has 's1' twice"]),
        (("--split=train", "--samples=[1]"), ["not a JSON array of texts"]),
        (("--split=train", "--samples=[]"), ["not a JSON array of texts"]),
        (("--split=train", "--samples=[\x1b"), ["not a JSON array of texts"]),
        (("--split=validation", "--num-samples=9"), ["always evaluated whole", "viewable split"]),
        (("--split=validation", "--samples=a,b"), ["validation is non_viewable"]),
        (("--split", "train", "--commit", "nothing"), ["no commit 'nothing'", "git log"]),
        (("--split", "train", "--commit", "--all"), ["expected one argument"]),
        (("--split", "train", "--commit=--all"), ["no commit '--all'"]),
        (("--split", "train", "--commit=HEAD:a.py"), ["no commit"]),
        (("--spl", "train"), ["unrecognized arguments: --spl", "mooring --help"]),
    ],
)
def test_usage_errors(bench: Bench, words: tuple[str, ...], said: list[str]) -> None:
    done = mooring("eval", "--plan", bench.plan, *words, url="http://127.0.0.1:9", cwd=bench.work)
    assert_readable(done, said)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q", "work")
    plan = write_plan(tmp_path, tmp_path / "work", "1" * 40)
    done = mooring("eval", "--split=train", "--plan", plan, url="http://127.0.0.1:9", cwd=tmp_path)
    assert_readable(done, ["Commit something first"])
    assert done.returncode == 2


@pytest.mark.parametrize("kind", ["missing", "plain"])
def test_no_repository(tmp_path: Path, kind: str) -> None:
    if kind == "plain":
        (tmp_path / "work").mkdir()
    plan = write_plan(tmp_path, tmp_path / "work", "1" * 40)
    done = mooring("eval", "--split=train", "--plan", plan, url="http://127.0.0.1:9", cwd=tmp_path)
    assert_readable(done, ["repository"])
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, ["has no MOORING_EVAL_URL"]),
        ("", ["has no MOORING_EVAL_URL"]),
        ("ftp://x", ["is not http://HOST:PORT"]),
        ("eval-sidecar:8000", ["is not http://HOST:PORT"]),
        ("http://[", ["is not http://HOST:PORT"]),
        ("http://x:99999", ["is not http://HOST:PORT"]),
        ("http://127.0.0.1:9", ["cannot be reached", "refused"]),
        ("http://nowhere.invalid:8000", ["cannot be reached"]),
    ],
)
def test_the_evaluators_address(bench: Bench, url: str | None, said: list[str]) -> None:
    done = bench.run(url)
    assert_readable(done, said)
    assert done.returncode == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets others' repositories")
def test_a_repository_of_somebody_else(bench: Bench, stub: Stub) -> None:
    for path in (bench.work, bench.work / ".git"):
        os.chown(path, 54321, 54321)
    done = bench.run(stub.url)
    assert_readable(done, ["dubious ownership"])
    assert done.returncode == 3
