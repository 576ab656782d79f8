"""What the agent, and even root, finds in main: nothing hidden, and no way to it."""

from __future__ import annotations

import json

import pytest

from tests.docker import engine
from tests.docker.compose import Project
from tests.docker.workshop import (
    HIDDEN_ID,
    HIDDEN_QUESTION,
    LABEL,
    PROBES,
    SCORER,
    SECRET,
    SEEN_ID,
    ask,
    digest_state,
    evaluate,
    in_repository,
)

pytestmark = pytest.mark.docker

HIDDEN = (LABEL, HIDDEN_ID, HIDDEN_QUESTION, SCORER, SECRET)
SIGHT = (PROBES / "sight.py").read_text(encoding="utf-8")


def look(project: Project, service: str, user: str, *needles: bytes) -> dict[str, list[str]]:
    """Where the needles stand in a container, as a user of it sees it."""
    seen = project.python(service, SIGHT, *(needle.hex() for needle in needles), user=user)
    assert seen["files"] > 1000
    return {bytes.fromhex(needle).decode(): places for needle, places in seen["found"].items()}


def test_the_search_finds_everything_where_it_is(bench: Project) -> None:
    """The control of the searches below."""
    found = look(bench, "eval-sidecar", "root", *HIDDEN)
    assert set(found) == {needle.decode() for needle in HIDDEN}
    assert "/opt/mooring/data/test.jsonl" in found[LABEL.decode()]
    assert found[SCORER.decode()] == ["/opt/mooring/scorer/scorer.py"]
    assert "/proc/1/environ" in found[SECRET.decode()]


@pytest.mark.parametrize("user", ["agent", "root"])
def test_nothing_hidden_is_in_main(bench: Project, user: str) -> None:
    evaluate(bench, "train")
    found = look(bench, "main", user, *HIDDEN, SEEN_ID)
    # The ids of a viewable split are shown with its results: the search looks there.
    assert set(found) == {SEEN_ID.decode()}
    assert all(place.startswith("/work/results/") for place in found[SEEN_ID.decode()])


def test_results_can_be_read_and_not_written(bench: Project) -> None:
    listing = bench.run("main", "ls", "/work/results", user="agent").stdout.split()
    assert b"1" in listing
    for user in ("agent", "root"):
        for argv in (["touch", "/work/results/x"], ["rm", "-r", "/work/results/1"]):
            done = bench.run("main", *argv, user=user, check=False)
            assert done.returncode != 0
            assert b"Read-only file system" in done.stderr
    result = json.loads(bench.run("main", "cat", "/work/results/1/result.json").stdout)
    assert set(result) == {"id", "split", "commit", "tree", "score"}
    assert b"samples.jsonl" not in bench.run("main", "ls", "/work/results/1").stdout


@pytest.mark.parametrize("split", ["test", "unlisted-test"])
def test_a_split_without_access_is_refused_and_nothing_is_written(
    bench: Project, split: str
) -> None:
    commit = in_repository(bench, "git", "rev-parse", "HEAD").strip()
    before = digest_state(bench)
    answer = ask(bench, "POST", "/eval", {"split": split, "commit": commit})
    assert (answer.status, answer.body["error"]["code"]) == (403, "no_access")
    assert digest_state(bench) == before
    done = bench.run("main", "mooring", "eval", "--split", split, user="agent", check=False)
    assert done.returncode == 2
    assert split not in json.dumps(ask(bench, "GET", "/status").body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/finalize"),
        ("GET", "/finalization"),
        ("GET", "/data/test.jsonl"),
        ("GET", "/results/1/result.json"),
        ("GET", "/jobs/../../opt/mooring/data/test.jsonl"),
        ("GET", "/jobs/..%2f..%2f..%2fopt%2fmooring%2fdata%2ftest.jsonl"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
    ],
)
def test_the_port_serves_nothing_else(bench: Project, method: str, path: str) -> None:
    assert ask(bench, method, path, {} if method == "POST" else None).status == 404


def test_the_hidden_score_is_one_rounded_number(bench: Project) -> None:
    job = ask(bench, "GET", "/jobs/1").body
    assert job["split"] == "validation"
    assert set(job["result"]) == {"score"}
    assert job["result"]["score"] == round(job["result"]["score"], 4)


def test_the_control_socket_is_out_of_reach(bench: Project) -> None:
    """In main there is no socket file at all; the evaluator listens on its one port alone."""
    assert bench.run("eval-sidecar", "test", "-S", "/state/admin/control.sock").returncode == 0
    assert bench.python("main", SIGHT, "00" * 40)["sockets"] == []
    names = bench.run("main", "cat", "/proc/net/unix").stdout
    assert b"control.sock" not in names
    assert b"runner.sock" not in names
    script = (
        "import json\n"
        "rows = [line.split() for name in ('tcp', 'tcp6') for line in open(f'/proc/net/{name}')]\n"
        "ends = [row[1].rpartition(':') for row in rows if row[3] == '0A']\n"
        # The engine's own resolver listens on the loopback, 127.0.0.11.
        "print(json.dumps([int(port, 16) for host, _, port in ends if host != '0B00007F']))\n"
    )
    assert bench.python("eval-sidecar", script) == [8000]


def test_only_the_evaluator_can_finalise(bench: Project) -> None:
    for user in ("agent", "root"):
        done = bench.run("main", "mooring", "finalize", user=user, check=False)
        assert done.returncode == 2
        assert b"invalid choice" in done.stderr
        reward = ("mooring", "reward", "--out", "/tmp/reward.json")
        assert bench.run("main", *reward, user=user, check=False).returncode == 3
        assert bench.run("main", "test", "-e", "/tmp/reward.json", check=False).returncode == 1
    assert ask(bench, "GET", "/status").body["sealed"] is False


def test_nobody_becomes_root_in_main(bench: Project) -> None:
    """A program of root's with the setuid bit gives nothing."""
    make = "cp /usr/bin/id /opt/id && chmod 4755 /opt/id"
    bench.run("main", "sh", "-c", make)
    try:
        assert bench.run("main", "/opt/id", "-u", user="agent").stdout == b"1001\n"
    finally:
        bench.run("main", "rm", "/opt/id")
    status = bench.run("main", "cat", "/proc/self/status", user="agent").stdout
    assert b"NoNewPrivs:\t1\n" in status
    assert b"CapEff:\t0000000000000000\n" in status


def test_the_setuid_bit_works_without_the_option(bench: Project) -> None:
    """The control: what stops it in main is the option, not the machine."""
    script = "cp /usr/bin/id /opt/id && chmod 4755 /opt/id && setpriv --reuid 1001 /opt/id -u"
    done = engine.run_docker(
        "run", "--rm", "--network=none", bench.image("main"), "sh", "-c", script
    )
    assert done.stdout == "0\n", done.stderr
