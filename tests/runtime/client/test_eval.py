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
        (429, error("budget_spent", "nothing is left"), 4, ["nothing is left", "what is left"]),
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


def test_a_job_that_vanishes(bench: Bench) -> None:
    with serving({"POST /eval": [(202, job(bench.baseline, "queued"))]}) as stub:
        done = bench.run(stub.url)
    assert_readable(done, ["no such thing"])
    assert done.returncode == 4


def test_whoever_interrupts_learns_that_it_goes_on(bench: Bench) -> None:
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
        process.send_signal(signal.SIGINT)
        stderr = process.communicate(timeout=30)[1]
    assert "Traceback" not in stderr
    assert "It goes on in the evaluator" in stderr
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--split", "trian"),
            ["'trian' is no split", "Did you mean 'train'?", "validation (non_"],
        ),
        (("--split", "test"), ["Splits: train (viewable), validation (non_viewable)"]),
        (("--split", "\x1b[2J"), ["\\x1b[2J"]),
        ((), ["--split", "mooring eval --help"]),
        (("--split", "train", "--commit", "nothing"), ["no commit 'nothing'", "git log"]),
        (("--split", "train", "--commit", "--all"), ["expected one argument"]),
        (("--split", "train", "--commit=--all"), ["no commit '--all'"]),
        (("--split", "train", "--commit=HEAD:a.py"), ["no commit"]),
        (("--spl", "train"), ["mooring eval --help"]),
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
