"""The daemon: many connections, broken ones, deaths in each place, start and end."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.runtime.runner import frames
from tests.runtime.runner.box import (
    Box,
    Client,
    children,
    open_box,
    processes_of,
    start_daemon,
    wait_until,
)

HEAD = "import os, sys, time\nhome = os.environ['HOME']\n"
WAITS = (
    HEAD
    + """
for _ in range(3): os.fork()
open('/tmp/left-%d' % os.getuid(), 'w')
open(home + '/here', 'w')
time.sleep(60)
"""
)


@pytest.fixture
def box(needs_root: None) -> Iterator[Box]:
    with open_box() as opened:
        yield opened


def start_waiting(box: Box, slot: int = 0) -> Client:
    """A client whose sample runs in that slot, with eight processes and a file in /tmp."""
    client = box.connect()
    client.send({"op": "sample", "tree": box.put({"solve.py": WAITS}), "input": {}})
    wait_until(Path(box.plan["slots"][slot], "work/here").exists)
    return client


def is_clean(box: Box) -> bool:
    """No process and no file of any sample."""
    left = [path for path in Path("/tmp").glob("left-*") if path.stat().st_uid in box.uids()]
    return not left and not processes_of(box.uids()) and not any(map(os.listdir, box.plan["slots"]))


def test_a_ping_is_answered_while_all_slots_are_busy(box: Box) -> None:
    for slot in range(2):
        start_waiting(box, slot)
    third = box.connect()
    third.send({"op": "sample", "tree": box.put({"solve.py": "print(1)"}), "input": {}})
    started = time.monotonic()
    assert box.connect().ask("ping") == {"ok": True, "protocol": 1, "slots": 2}
    assert time.monotonic() - started < 2
    box.clients[0].close()
    assert third.receive()[0]["stdout"] == "1\n"


def test_samples_run_side_by_side_and_never_in_one_slot(needs_root: None) -> None:
    with open_box(slots=4) as box:
        script = HEAD + "print(os.getuid(), time.monotonic_ns()); time.sleep(0.3)\n"
        tree = box.put({"solve.py": script + "print(time.monotonic_ns())"})
        clients = [box.connect() for _ in range(12)]
        started = time.monotonic()
        for client in clients:
            client.send({"op": "sample", "tree": tree, "input": {}})
        answers = [client.receive()[0]["stdout"].split() for client in clients]
        assert time.monotonic() - started < 12 * 0.3
        runs = sorted((int(uid), int(start), int(end)) for uid, start, end in answers)
        assert {uid for uid, _, _ in runs} == set(box.uids()[:4])
        for (uid, _, end), (next_uid, start, _) in itertools.pairwise(runs):
            assert uid != next_uid or end < start


@pytest.mark.parametrize("how", ["close", "shutdown", "speak"])
def test_a_client_that_leaves_cancels_its_sample(box: Box, how: str) -> None:
    client = start_waiting(box)
    if how == "close":
        client.close()
    elif how == "shutdown":
        client.socket.shutdown(1)
    else:
        client.send({"op": "ping"})
    wait_until(lambda: is_clean(box))
    wait_until(lambda: len(box.handlers()) <= 1)


def test_a_client_that_leaves_while_it_waits_for_a_slot(box: Box) -> None:
    for slot in range(2):
        start_waiting(box, slot)
    before = len(box.handlers())
    third = box.connect()
    third.send({"op": "sample", "tree": box.put({"solve.py": ""}), "input": {}})
    wait_until(lambda: len(box.handlers()) > before)
    third.close()
    wait_until(lambda: len(box.handlers()) <= before + 1)


def test_the_next_sample_clears_up_after_a_killed_handler(box: Box) -> None:
    client = start_waiting(box)
    handler = next(pid for pid in box.handlers() if children(pid))
    os.kill(handler, signal.SIGKILL)
    with pytest.raises(frames.EndOfStream):
        client.receive()
    assert not is_clean(box)
    script = HEAD + "print(os.getuid(), os.listdir(home), [n for n in os.listdir('/tmp') if "
    answer, _ = box.run(script + "n == 'left-%d' % os.getuid()])")
    assert answer["stdout"] == f"{box.first_uid} [] []\n"
    wait_until(lambda: is_clean(box))


def plant(box: Box, slot: int) -> Path:
    """A file that only root can remove stands for whatever might resist."""
    folder = Path(box.plan["slots"][slot], "work/stubborn")
    folder.mkdir(0o700)
    (folder / "file").write_text("x")
    return folder


def test_what_cannot_be_wiped_is_never_passed_over(box: Box) -> None:
    wait = HEAD + "open(home + '/here', 'w')\nwhile not os.path.exists(home + '/stubborn'): pass"
    tree, ends = box.put({"solve.py": "import os; print(os.getuid())"}), []
    waiting = box.put({"solve.py": wait})
    for slot in range(2):
        client = box.connect()
        client.send({"op": "sample", "tree": waiting, "input": {}})
        wait_until(Path(box.plan["slots"][slot], "work/here").exists)
        ends.append(plant(box, slot))
        answer = client.receive()[0]
        assert (answer["ok"], answer["error"]["code"]) == (False, "internal")
        if slot == 0:
            # The other slot serves on.
            assert client.sample(tree)[0]["stdout"] == f"{box.first_uid + 1}\n"
    answer = box.connect().sample(tree)[0]
    assert (answer["ok"], answer["error"]["code"]) == (False, "internal")
    assert "slot 0" in answer["error"]["message"]
    assert "slot 1" in answer["error"]["message"]
    for folder in ends:
        shutil.rmtree(folder)
    assert box.connect().sample(tree)[0]["stdout"] == f"{box.first_uid}\n"


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", frames.MAX_HEADER + 1),
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 3) + b"{,}",
        struct.pack(">I", 10) + b'{"body":9}',
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_frame_closes_the_connection(box: Box, data: bytes) -> None:
    client = box.connect()
    client.socket.sendall(data)
    with pytest.raises((frames.EndOfStream, ConnectionResetError)):
        client.receive()
    wait_until(lambda: "connection closed" in box.log)
    assert box.connect().ask("ping")["ok"]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"op": None},
        {"op": ["ping"]},
        {"op": "PING"},
        {"op": "_ping"},
        {"op": "sample", "tree": "a" * 40},
        {"op": "sample", "tree": "a" * 40, "input": []},
    ],
)
def test_bad_requests_leave_the_connection_open(box: Box, header: dict[str, object]) -> None:
    client = box.connect()
    client.send(header)
    answer = client.receive()[0]
    assert (answer["ok"], answer["error"]["code"]) == (False, "bad_request")
    assert client.ask("ping")["ok"]


def test_the_machinery_says_so_in_one_line(box: Box) -> None:
    tree = box.put({"solve.py": ""})
    for slot in box.plan["slots"]:
        os.rmdir(slot)
    answer = box.connect().sample(tree)[0]
    assert (answer["ok"], answer["error"]["code"]) == (False, "internal")
    assert box.log.splitlines()[-1].startswith("runner: sample failed: FileNotFoundError")
    for slot in box.plan["slots"]:
        os.mkdir(slot, 0o711)


def test_connections_are_bounded_and_the_next_waits(box: Box) -> None:
    bound = 2 * 2 + 32
    for _ in range(bound):
        assert box.connect().ask("ping")["ok"]
    waiting = box.connect()
    waiting.send({"op": "ping"})
    time.sleep(0.3)
    assert len(box.handlers()) == bound
    box.clients[0].close()
    assert waiting.receive()[0]["ok"]


def test_the_socket_is_for_root_alone(box: Box) -> None:
    found = os.lstat(box.plan["socket"])
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, 0)
    assert stat.S_IMODE(os.lstat(os.path.dirname(box.plan["socket"])).st_mode) == 0o755


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(box: Box, number: int) -> None:
    start_waiting(box, 0)
    start_waiting(box, 1)
    box.connect().ask("ping")
    handlers = box.handlers()
    box.process.send_signal(number)
    assert box.process.wait(timeout=10) == 0
    assert is_clean(box)
    assert not [pid for pid in handlers if Path(f"/proc/{pid}").exists()]
    assert not os.path.exists(box.plan["socket"])


def test_a_daemon_takes_over_what_a_killed_one_left(box: Box) -> None:
    start_waiting(box)
    kept = box.put({"solve.py": "print(1)"})
    os.mkdir(f"{box.plan['candidates']}/.new-1-1", 0o700)
    os.mkdir(f"{box.plan['candidates']}/.old-1-1", 0o755)
    handlers = box.handlers()
    os.kill(box.process.pid, signal.SIGKILL)
    box.process.wait()
    # Handlers end with the daemon.
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in handlers))
    (box.root / "log").write_text("")
    box.process = start_daemon(box.root, box.plan)
    assert is_clean(box)
    assert min(os.listdir(box.plan["candidates"])) == ".locks"
    assert not [name for name in os.listdir(box.plan["candidates"]) if name[1:4] in ("new", "old")]
    assert box.connect().sample(kept)[0]["stdout"] == "1\n"
