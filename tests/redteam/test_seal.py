"""The end raced: the session is sealed while the agent evaluates, sends and asks without a pause.

The last module of the arena: nothing can be evaluated in it afterwards.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.docker import workshop
from tests.docker.compose import Project
from tests.docker.workshop import ask
from tests.redteam.arena import go_to_baseline, put_files, read_ledger

pytestmark = pytest.mark.docker

# Sends new commits, evaluates them and asks for the end, on many connections, until its input ends;
# says what came of each: path, when it began and ended, status, and the answer or the error's code.
RACE = """\
import json, sys, threading, time, urllib.error, urllib.request
base, seen, commits = "http://eval-sidecar:8000", [], json.loads(sys.argv[1])
over, taken = threading.Event(), threading.Event()

def post(path, body, kind):
    request = urllib.request.Request(base + path, body, {"Content-Type": kind}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.status, json.loads(error.read())
    except OSError as error:
        return 0, str(error)

def again(path, *bodies, kind="application/json"):
    while not over.is_set():
        for body in bodies:
            began = time.monotonic()
            status, answer = post(path, body, kind)
            code = answer["error"]["code"] if status >= 400 else answer
            seen.append([path, began, time.monotonic(), status, code])
            if status == 202:
                taken.set()

evaluations = [json.dumps({"split": "validation", "commit": c}).encode() for c in commits]
bundles = [open(f"/tmp/race/{c}", "rb").read() for c in commits]
threads = [threading.Thread(target=again, args=("/eval", *evaluations)) for _ in range(6)]
submission = json.dumps({"commit": commits[0]}).encode()
threads += [threading.Thread(target=again, args=("/submit", submission))]
threads += [threading.Thread(target=again, args=("/finalize", b"{}"))]
threads += [threading.Thread(target=again, args=("/candidates", bundle),
                             kwargs={"kind": "application/x-git-bundle"}) for bundle in bundles]
[thread.start() for thread in threads]
print("taken" if taken.wait(60) else "nothing was taken", flush=True)
sys.stdin.read()
over.set()
[thread.join() for thread in threads]
print(json.dumps(seen))
"""
# The racer goes on for so long after the end: time for each of its requests to be refused.
SECONDS_AFTER = 2
COMMITS = 6


@contextmanager
def racing(project: Project, commits: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Begins when a first evaluation was taken."""
    argv = ["docker", "exec", "-i", "--user", "agent", project.container("main")]
    words = [*argv, "python3", "-c", RACE, json.dumps(commits)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as racer:
        assert racer.stdout is not None
        assert racer.stdout.readline() == b"taken\n"
        yield racer


type Answer = tuple[str, float, float, int, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    commits: tuple[str, ...]
    document: dict[str, Any]
    seen: list[Answer]
    ledger: dict[str, Any]


def make_commits(project: Project) -> list[str]:
    """New candidates that the evaluator has not got, each as a bundle in main."""
    go_to_baseline(project)
    base = workshop.in_repository(project, "git", "rev-parse", "HEAD").strip()
    put_files(project, "/tmp/race", {})
    commits = []
    for number in range(COMMITS):
        files = {"README.md": f"late {number}\n".encode()}
        commits.append(workshop.commit(project, files, f"Late {number}"))
        bundle = f"/tmp/race/{commits[-1]}"
        workshop.in_repository(project, "git", "bundle", "create", "-q", bundle, "HEAD", f"^{base}")
    return commits


@pytest.fixture(scope="module")
def end(arena: Project) -> End:
    commits = make_commits(arena)
    with racing(arena, commits) as racer:
        done = arena.run("eval-sidecar", "/usr/local/bin/mooring", "finalize", check=False)
        assert done.returncode == 0, done.stderr
        time.sleep(SECONDS_AFTER)
        output, _ = racer.communicate(timeout=120)
    seen = [
        (path, began, ended, status, code)
        for path, began, ended, status, code in json.loads(output)
    ]
    document = ask(arena, "GET", "/finalization").body
    return End(commits=tuple(commits), document=document, seen=seen, ledger=read_ledger(arena))


def bodies(end: End, wanted: str, status: int) -> list[dict[str, Any]]:
    return [body for path, _, _, found, body in end.seen if (path, found) == (wanted, status)]


def test_it_was_a_race(end: End) -> None:
    """The control: some came before the seal and were taken, some after and were not."""
    ways = {(path, status) for path, _, _, status, _ in end.seen}
    assert ("/eval", 202) in ways and ("/candidates", 201) in ways
    assert ("/eval", 409) in ways and ("/candidates", 409) in ways
    assert 0 not in {status for _, _, _, status, _ in end.seen}


def test_nothing_is_taken_after_the_seal(end: End) -> None:
    """Tries: evaluations, candidates and submissions at every moment. Gain: one is taken that began
    after another had been refused for the end.
    """
    over = min(ended for _, _, ended, _, code in end.seen if code == "sealed")
    taken = [began for _, began, _, status, _ in end.seen if status < 300]
    assert max(taken) <= over
    finished = {code for path, _, _, status, code in end.seen if path == "/eval" and status == 409}
    assert finished <= {"sealed"}


def test_finalising_is_not_the_agents(end: End) -> None:
    assert {status for path, _, _, status, _ in end.seen if path == "/finalize"} == {404}
    assert {status for path, _, _, status, _ in end.seen if path == "/submit"} <= {409, 503}


def test_only_what_came_before_competes(end: End) -> None:
    """Each that competes has an evaluation that was paid for and ended."""
    received = {body["commit"] for body in bodies(end, "/candidates", 201)}
    listed = end.document["selection"]["candidates"]
    late = {entry["commit"] for entry in listed} & set(end.commits)
    assert late == received
    scored = {entry["commit"] for entry in listed if entry["score"] is not None}
    assert scored & set(end.commits) <= {body["commit"] for body in bodies(end, "/eval", 202)}
    assert end.document["rewards"] is not None


def test_twice_gives_the_same(arena: Project, end: End) -> None:
    """Tries: a second end. Gain: another document, or a budget that is filled again."""
    done = arena.run("eval-sidecar", "/usr/local/bin/mooring", "finalize")
    assert done.returncode == 0
    assert ask(arena, "GET", "/finalization").body == end.document
    assert read_ledger(arena)["charges"] == end.ledger["charges"]
    assert all(refunds == 0 for _, _, refunds in end.ledger["charges"].values())
