"""Nothing is had for less than its price: parallel calls, empty commits, names, cancelling."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest

from tests.docker import workshop
from tests.docker.compose import Project
from tests.docker.workshop import ask
from tests.redteam.arena import METERED_ROWS, METERED_RUNS, go_to_baseline, read_ledger

pytestmark = pytest.mark.docker

# Sends one request on each of many connections, all complete but for a last byte that goes at once.
AT_ONCE = """\
import json, socket, sys
path, bodies = sys.argv[1], json.loads(sys.stdin.readline())
callers = []
for body in bodies:
    data = body.encode()
    head = (f"POST {path} HTTP/1.1\\r\\nHost: e\\r\\nContent-Type: application/json\\r\\n"
            f"Connection: close\\r\\nContent-Length: {len(data)}\\r\\n\\r\\n").encode()
    caller = socket.create_connection(("eval-sidecar", 8000), timeout=60)
    caller.sendall(head + data[:-1])
    callers.append((caller, data[-1:]))
for caller, last in callers:
    caller.sendall(last)
statuses = []
for caller, _ in callers:
    answer = b"".join(iter(lambda: caller.recv(65536), b""))
    statuses.append([int(answer.split()[1]), answer.partition(b"\\r\\n\\r\\n")[2].decode()])
print(json.dumps(statuses))
"""
SLOW = b"import sys, time\ntime.sleep(0.8)\nopen(sys.argv[2], 'w').write('0')\n"


def post_at_once(project: Project, path: str, bodies: list[str]) -> list[tuple[int, str]]:
    text = f"{json.dumps(bodies)}\n".encode()
    argv = ("python3", "-c", AT_ONCE, path)
    found = project.run("main", *argv, user="agent", text=text).stdout
    return [(status, body) for status, body in json.loads(found)]


def left(project: Project, split: str) -> int:
    status = ask(project, "GET", "/status").body
    found: int = next(s for s in status["splits"] if s["name"] == split)["budget"]["runs"]["left"]
    return found


def wait_for(project: Project, job: str) -> dict[str, Any]:
    while True:
        document: dict[str, Any] = ask(project, "GET", f"/jobs/{job}?wait=15").body
        if document["finished"]:
            return document


@pytest.fixture(scope="module")
def commit(arena: Project) -> str:
    """A slow candidate, known to the evaluator; two of the metered runs are spent on its tree."""
    go_to_baseline(arena)
    first = workshop.commit(arena, {"solve.py": SLOW}, "Slow")
    workshop.evaluate(arena, "metered")
    assert left(arena, "metered") == METERED_RUNS - 1
    return first


def test_an_empty_commit_costs_like_any_other(arena: Project, commit: str) -> None:
    """Tries: the same tree as a new commit. Gain: a second measurement that is free."""
    again = workshop.commit(arena, {}, "The same once more")
    assert again != commit
    job = workshop.evaluate(arena, "metered")
    before = ask(arena, "GET", f"/jobs/{int(job['id']) - 1}").body
    assert (job["tree"], job["recorded"]) == (before["tree"], False)
    assert left(arena, "metered") == METERED_RUNS - 2


@pytest.mark.parametrize(
    "body",
    [
        '{"split": "metered ", "commit": "%s"}',
        '{"split": "METERED", "commit": "%s"}',
        '{"split": "./metered", "commit": "%s"}',
        '{"split": "metered\\u0000", "commit": "%s"}',
        '{"split": "metered.jsonl", "commit": "%s"}',
        '{"split": ["metered"], "commit": "%s"}',
        '{"split": {"name": "metered"}, "commit": "%s"}',
        '{"split": "metered", "commit": "%s", "free": true}',
        '{"split": "metered", "commit": "%s", "samples": []}',
        '{"split": "metered", "commit": "%s", "samples": ["m0", "m0"]}',
        '{"split": "metered", "commit": "%s", "samples": ["train-01"]}',
        '{"split": "metered", "commit": "%s", "num_samples": -1}',
        '{"split": "metered", "commit": "%s", "num_samples": 0}',
        '{"split": "metered", "commit": "%s", "num_samples": 1e9}',
        '{"split": "metered", "commit": "%s", "num_samples": true}',
        '{"split": "metered", "commit": "%s", "samples": ["m0"], "num_samples": 1}',
        '{"split": "metered", "commit": "HEAD%.0s"}',
        '{"split": "metered", "commit": "--all%.0s"}',
        '{"split": "test", "split": "validation", "commit": "%s", "split": "test"}',
    ],
)
def test_other_spellings_buy_nothing(arena: Project, commit: str, body: str) -> None:
    """Tries: a split, a selection or a commit that is read one way and charged another. Gain: a
    job, or a charge that is not the whole one.
    """
    before = read_ledger(arena)
    ((status, answer),) = post_at_once(arena, "/eval", [body % commit])
    assert 400 <= status < 500, answer
    assert set(json.loads(answer)) == {"error"}
    assert read_ledger(arena) == before


def test_cancelling_what_runs_pays_nothing_back(arena: Project, commit: str) -> None:
    """Tries: an evaluation that is watched and broken off. Gain: its price, or a number of it."""
    job = ask(arena, "POST", "/eval", {"split": "metered", "commit": commit}).body["id"]
    after = left(arena, "metered")
    while ask(arena, "GET", f"/jobs/{job}").body["state"] == "queued":
        time.sleep(0.1)
    document = ask(arena, "POST", f"/jobs/{job}/cancel", {}).body
    assert (document["state"], document["result"]) == ("cancelled", None)
    assert left(arena, "metered") == after == METERED_RUNS - 3
    again = ask(arena, "POST", f"/jobs/{job}/cancel", {})
    assert (again.status, again.body["error"]["code"]) == (409, "job_ended")


def test_fifty_parallel_calls_get_what_is_left_and_no_more(arena: Project, commit: str) -> None:
    """Tries: fifty requests whose last bytes come at once. Gain: a run more than was left."""
    available = left(arena, "metered")
    body = json.dumps({"split": "metered", "commit": commit})
    answers = post_at_once(arena, "/eval", [body] * 50)
    assert Counter(status for status, _ in answers) == {202: available, 429: 50 - available}
    refused = [json.loads(text)["error"]["code"] for status, text in answers if status == 429]
    assert set(refused) == {"budget_spent"}
    jobs = [json.loads(text)["id"] for status, text in answers if status == 202]
    assert len(set(jobs)) == available
    assert left(arena, "metered") == 0
    ends = [wait_for(arena, job)["state"] for job in jobs]
    assert ends == ["done"] * available
    runs, samples, refunds = read_ledger(arena)["charges"]["metered"]
    assert (runs, samples, refunds) == (METERED_RUNS, METERED_RUNS * METERED_ROWS, 0)


def test_a_spent_budget_stays_spent(arena: Project, commit: str) -> None:
    """Tries: new trees, smaller selections and many calls when all is spent. Gain: a job."""
    before = read_ledger(arena)
    other = workshop.commit(arena, {"README.md": b"new\n"}, "A new tree")
    refusal = arena.run(
        "main", "mooring", "eval", "--split", "metered", user="agent", check=False,
        folder="/work/agent",
    )  # fmt: skip
    assert refusal.returncode == 4
    one = {"split": "metered", "samples": ["m0"]}
    bodies = [json.dumps({**one, "commit": c}) for c in (commit, other)] * 10
    assert {status for status, _ in post_at_once(arena, "/eval", bodies)} == {429}
    assert read_ledger(arena) == before
