"""`mooring reward`: exactly the evaluator's rewards or none, whatever the agent left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.runtime.client import processes
from tests.runtime.client.stub import Answer, assert_readable, error, mooring, serving, write_plan

GOOD: Answer = (200, {"version": 1, "rewards": {"reward": 0.5, "second": 1}, "problem": None})
AGENT = 54321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root ends others' processes")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def reward(
    logs: Path, *answers: Answer, plan: dict[str, object] | None = None
) -> subprocess.CompletedProcess[str]:
    words = ("--plan", write_plan(logs.parent, logs, "1" * 40, plan))
    with serving({"GET /finalization": list(answers)}) as stub:
        return mooring(
            "reward", "--out", logs / "reward.json", *words, url=stub.url, cwd=logs.parent
        )


def test_the_rewards_are_written(logs: Path) -> None:
    done = reward(logs, GOOD)
    assert_readable(done)
    assert done.returncode == 0
    assert json.loads((logs / "reward.json").read_text()) == {"reward": 0.5, "second": 1}
    assert (logs / "reward.json").stat().st_mode & 0o7777 == 0o644
    assert os.listdir(logs) == ["reward.json"]


def test_connection_errors_are_tried_again(logs: Path) -> None:
    assert reward(logs, (0, b""), (0, b""), GOOD).returncode == 0


def secret(logs: Path) -> Path:
    path = logs.parent / "secret"
    path.write_text("root's own")
    return path


def as_link(logs: Path, name: str) -> None:
    (logs / name).symlink_to(secret(logs))


def as_dangling_link(logs: Path, name: str) -> None:
    (logs / name).symlink_to(logs.parent / "etc" / "not-there")


def as_link_to_a_folder(logs: Path, name: str) -> None:
    (logs / name).symlink_to(logs.parent)


def as_hard_link(logs: Path, name: str) -> None:
    (logs / name).hardlink_to(secret(logs))


def as_folder(logs: Path, name: str) -> None:
    (logs / name / "inner").mkdir(parents=True)
    (logs / name / "inner" / "link").symlink_to(logs.parent)
    (logs / name).chmod(0)


def as_deep_folder(logs: Path, name: str) -> None:
    """Deeper than any path may be long, and than Python recurses."""
    (logs / name).mkdir()
    here = os.open(logs / name, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d" * 20, dir_fd=here)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def as_pipe(logs: Path, name: str) -> None:
    os.mkfifo(logs / name)


def as_file(logs: Path, name: str) -> None:
    (logs / name).write_text('{"reward": 1.0}')
    (logs / name).chmod(0o666)


OBSTACLES = [
    as_link,
    as_dangling_link,
    as_link_to_a_folder,
    as_hard_link,
    as_folder,
    as_deep_folder,
    as_pipe,
    as_file,
]


@pytest.mark.parametrize("name", ["reward.json", "reward.txt"])
@pytest.mark.parametrize("obstruct", OBSTACLES)
def test_obstacles(logs: Path, obstruct: Callable[[Path, str], None], name: str) -> None:
    obstruct(logs, name)
    done = reward(logs, GOOD)
    assert_readable(done)
    assert done.returncode == 0
    written = logs / "reward.json"
    assert written.is_file()
    assert not written.is_symlink()
    assert written.stat().st_nlink == 1
    assert json.loads(written.read_text())["reward"] == 0.5
    assert not os.path.lexists(logs / "reward.txt")
    assert not (logs.parent / "etc").exists()
    assert os.listdir(logs) == ["reward.json"]
    if (logs.parent / "secret").exists():
        assert (logs.parent / "secret").read_text() == "root's own"


FAILURES: list[tuple[Answer, list[str]]] = [
    ((404, error("no_finalization", "the session is not finalised")), ["not finalised"]),
    ((503, error("unhealthy", "not now")), ["not now"]),
    ((200, {"rewards": None, "problem": "too many\x1b lost"}), ["too many\\x1b lost"]),
    ((200, {"rewards": None, "problem": None}), ["no reason"]),
    ((200, {}), ["has no rewards"]),
    ((200, {"rewards": {}}), ["not finite numbers"]),
    ((200, {"rewards": {"reward": "1"}}), ["not finite numbers"]),
    ((200, {"rewards": {"reward": True}}), ["not finite numbers"]),
    ((200, {"rewards": {"reward": None}}), ["not finite numbers"]),
    ((200, b'{"rewards": {"reward": NaN}}'), ["not finite numbers"]),
    ((200, b'{"rewards": {"reward": 1e999}}'), ["not finite numbers"]),
    ((200, {"rewards": [1]}), ["not finite numbers"]),
    ((200, b"nonsense"), ["not a JSON object"]),
]


@pytest.mark.parametrize(("answer", "words"), FAILURES)
def test_without_rewards_no_file_is_left(logs: Path, answer: Answer, words: list[str]) -> None:
    as_file(logs, "reward.json")
    as_file(logs, "reward.txt")
    done = reward(logs, answer)
    assert_readable(done, words)
    assert (done.returncode, os.listdir(logs)) == (3, [])


def test_a_broken_plan_leaves_no_forgery(logs: Path) -> None:
    as_file(logs, "reward.json")
    as_file(logs, "reward.txt")
    done = reward(logs, GOOD, plan={"agent": {"user": "root", "uid": 0}})
    assert_readable(done, ["agent.uid"])
    assert (done.returncode, os.listdir(logs)) == (3, [])


def test_no_evaluator_leaves_no_forgery(logs: Path) -> None:
    as_file(logs, "reward.txt")
    plan = write_plan(logs.parent, logs, "1" * 40)
    words = ("reward", "--out", logs / "reward.json", "--plan", plan)
    done = mooring(*words, url="http://127.0.0.1:9", cwd=logs)
    assert_readable(done, ["cannot be reached"])
    assert (done.returncode, os.listdir(logs)) == (3, [])


def test_another_name_is_cleared_too(logs: Path) -> None:
    for name in ("reward.json", "reward.txt", "other.json"):
        as_file(logs, name)
    plan = write_plan(logs.parent, logs, "1" * 40)
    with serving({"GET /finalization": [GOOD]}) as stub:
        words = ("reward", "--plan", plan, "--out", "other.json")
        assert mooring(*words, url=stub.url, cwd=logs).returncode == 0
    assert os.listdir(logs) == ["other.json"]


@pytest.mark.parametrize("out", ["", ".", "..", "/", "logs/.."])
def test_names_that_are_no_file(logs: Path, out: str) -> None:
    plan = write_plan(logs.parent, logs, "1" * 40)
    words = ("reward", "--plan", plan, "--out", out)
    done = mooring(*words, url="http://127.0.0.1:9", cwd=logs.parent)
    assert_readable(done, ["is not the name of a file"])
    assert done.returncode == 2


def test_a_folder_that_is_missing_or_a_link(logs: Path) -> None:
    (logs / "link").symlink_to(logs.parent)
    plan = write_plan(logs.parent, logs, "1" * 40)
    for folder in ("missing", "link"):
        words = ("reward", "--plan", plan, "--out", logs / folder / "reward.json")
        done = mooring(*words, url="http://127.0.0.1:9", cwd=logs)
        assert_readable(done, ["cannot be written"])
        assert done.returncode == 3
    assert not (logs.parent / "reward.json").exists()


def start(script: str, uid: int = AGENT) -> subprocess.Popen[str]:
    argv = ["sh", "-c", script]
    return subprocess.Popen(argv, user=uid, group=uid, stdout=subprocess.PIPE, text=True, cwd="/")


# Deaf to polite signals, with a sleeper in a session of its own and processes that each live for a
# moment and leave another.
STUBBORN = """
trap '' TERM HUP INT
setsid sleep 600 &
again() { sleep 0.01; again & }
for i in 1 2 3 4 5; do again & done
echo ready
exec >/dev/null
while :; do sleep 600; done
"""
# Tries to stop whatever takes its uid.
STOPPING = "echo ready; while :; do kill -s STOP -- -1 2>/dev/null; done"


@as_root
@pytest.mark.parametrize("script", [STUBBORN, STOPPING])
def test_what_the_agent_left_is_ended_first(logs: Path, script: str) -> None:
    with start(script) as agent, start("exec sleep 600", AGENT + 1) as other:
        assert agent.stdout is not None
        agent.stdout.readline()
        done = reward(logs, GOOD)
        assert (done.returncode, done.stderr) == (0, "")
        assert agent.wait(timeout=10) == -signal.SIGKILL
        assert list(processes.processes_of(AGENT)) == []
        assert other.poll() is None
        other.kill()


@as_root
def test_one_by_one_when_there_is_no_room_for_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    with subprocess.Popen(["sleep", "600"], user=AGENT) as agent:
        time.sleep(0.1)
        processes.end_processes(AGENT)
        assert agent.wait(timeout=10) == -signal.SIGKILL
