"""A candidate's setup: what it gets, what samples get of it, how it fails, and when it runs."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from compiler.runtime.runner import frames
from compiler.runtime.runner.store import NoRoomError, Store
from tests.runtime.runner.box import (
    Box,
    Client,
    make_tar,
    open_box,
    processes_of,
    start_daemon,
    tree_id,
    wait_until,
)

SETUP = ["/usr/bin/python3", "-I", "-S", "{workspace}/setup.py"]
HEAD = "import json, os, signal, socket, stat, sys, time\nhome = os.environ['HOME']\n"


@pytest.fixture(scope="module")
def setup_box() -> Iterator[Box]:
    if os.geteuid() != 0:
        pytest.skip("the runner needs root")
    changes: dict[str, Any] = {"setup": SETUP, "setup_timeout": 60, "secrets": ["BOX_TOKEN"]}
    with open_box(candidates_tmpfs="size=1g", **changes) as box:
        yield box


@pytest.fixture
def box(setup_box: Box) -> Iterator[Box]:
    yield setup_box
    setup_box.disconnect()
    assert is_clear(setup_box)


def is_clear(box: Box) -> bool:
    """Nothing unfinished in the store, no process but the daemon's."""
    candidates = Path(box.plan["candidates"])
    waiting = [name for name in os.listdir(candidates) if name[1:4] in ("new", "old")]
    foreign = [path for path in candidates.iterdir() if path.lstat().st_uid != 0]
    left = os.listdir(candidates / ".setup")
    return not waiting and not foreign and not left and not processes_of(box.uids())


def candidate(setup: str, solve: str = "", **files: str) -> bytes:
    return make_tar({"setup.py": HEAD + setup, "solve.py": HEAD + solve, **files}, mode=0o644)


def place_of(box: Box, tar: bytes) -> Path:
    return Path(box.plan["candidates"], tree_id(tar))


def setup_uid(box: Box) -> int:
    return box.first_uid + 2 * len(box.plan["slots"])


def put_ok(box: Box, tar: bytes) -> str:
    answer = box.connect().put(tar)
    assert answer == {"ok": True}, answer
    return tree_id(tar)


def failure_of(box: Box, tar: bytes) -> str:
    """The reason that the box gives when this is put; nothing of the tree is there then."""
    client = box.connect()
    answer = client.put(tar)
    assert (answer["ok"], answer["error"]["code"]) == (False, "setup_failed"), answer
    assert client.ask("has", tree=tree_id(tar)) == {"ok": True, "present": False}
    assert client.sample(tree_id(tar))[0]["error"]["code"] == "unknown_tree"
    assert not place_of(box, tar).is_dir()
    return str(answer["error"]["message"])


SEES = """
found = {
    'environment': dict(os.environ), 'cwd': os.getcwd(), 'argv': sys.argv, 'umask': os.umask(0),
    'ids': [os.getresuid(), os.getresgid(), os.getgroups()], 'home': os.stat(home).st_mode & 0o7777,
    'tree': [os.stat('.').st_uid, os.stat('solve.py').st_uid, oct(os.stat('solve.py').st_mode)],
    'listing': os.listdir(home), 'limits': open('/proc/self/limits').read(),
    'status': open('/proc/self/status').read(), 'oom': open('/proc/self/oom_score_adj').read(),
}
json.dump(found, open('found.json', 'w'))
"""


def test_what_a_setup_finds_around_itself(box: Box) -> None:
    tar = candidate(SEES)
    put_ok(box, tar)
    place, uid = place_of(box, tar), setup_uid(box)
    found = json.loads((place / "found.json").read_text())
    home = f"{box.plan['candidates']}/.setup/work"
    assert found["environment"] == {
        **box.plan["environment"],
        "BOX_TOKEN": "token-5d0c7a19e2",
        "HOME": home,
        "TMPDIR": home,
    }
    assert (found["cwd"], found["argv"]) == (str(place), [f"{place}/setup.py"])
    assert found["ids"] == [[uid] * 3, [uid] * 3, []]
    assert uid not in range(box.uids().start, uid)
    assert (found["umask"], found["home"], found["listing"]) == (0o077, 0o700, [])
    assert found["tree"] == [uid, uid, oct(0o100644)]
    assert "Max processes             64" in found["limits"]
    assert "NoNewPrivs:\t1" in found["status"]
    assert "CapEff:\t0000000000000000" in found["status"]
    assert found["oom"] == "1000\n"


def test_samples_get_what_setup_made(box: Box) -> None:
    setup = """
os.makedirs('built/deep'); open('built/deep/data', 'w').write('made')
open('tool', 'w').write('#!/bin/sh\\necho tool\\n'); os.chmod('tool', 0o700)
os.symlink('built/deep/data', 'link'); os.symlink('/etc/passwd', 'outside')
os.link('tool', 'hard'); os.unlink('extra'); open('where', 'w').write(os.getcwd())
open(home + '/cache', 'w')
"""
    solve = """
print(open('link').read(), open('where').read() == os.getcwd(), os.popen('./tool').read().strip())
print(os.path.exists('extra'), os.readlink('outside'))
"""
    tar = candidate(setup, solve, extra="")
    answer, _ = box.connect().sample(put_ok(box, tar))
    assert answer["stdout"] == "made True tool\nFalse /etc/passwd\n", answer
    modes = {
        name: oct(stat.S_IMODE((place_of(box, tar) / name).stat().st_mode))
        for name in ("", "built", "built/deep", "built/deep/data", "tool", "hard", "solve.py")
    }
    assert list(modes.values()) == [
        *("0o755", "0o755", "0o755", "0o644", "0o755", "0o755", "0o644"),
    ]
    everything = [place_of(box, tar), *place_of(box, tar).rglob("*")]
    assert {path.lstat().st_uid for path in everything} == {0}
    assert {path.lstat().st_gid for path in everything} == {0}


def test_setup_runs_once_for_a_tree(box: Box) -> None:
    tar = candidate("open('stamp', 'w').write(str(time.monotonic_ns()))", "")
    put_ok(box, tar)
    stamp = (place_of(box, tar) / "stamp").read_text()
    put_ok(box, tar)
    box.connect().sample(tree_id(tar))
    assert (place_of(box, tar) / "stamp").read_text() == stamp


def test_two_puts_of_one_tree_run_setup_once(box: Box) -> None:
    counter = box.root / "count"
    counter.write_text("")
    counter.chmod(0o666)
    tar = candidate(f"open({str(counter)!r}, 'a').write('x'); time.sleep(0.5)")
    clients = [box.connect() for _ in range(4)]
    for client in clients:
        client.send({"op": "put", "tree": tree_id(tar)})
    for client in clients:
        send_archive(client, tar)
    assert [client.receive()[0] for client in clients] == [{"ok": True}] * 4
    assert counter.read_text() == "x"


def send_archive(client: Client, tar: bytes) -> None:
    client.socket.sendall(frames.encode_chunk(tar) + frames.END_OF_CHUNKS)


def start_put(box: Box, tar: bytes) -> Client:
    client = box.connect()
    client.send({"op": "put", "tree": tree_id(tar)})
    send_archive(client, tar)
    return client


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ("sys.exit(3)", "setup ended with exit code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "setup was ended by signal 11"),
        ("print('out'); sys.exit('grumble')", "standard error ended with:\ngrumble\nstandard out"),
        ("os.write(2, b'\\xff' * 99999); sys.exit(1)", "\N{REPLACEMENT CHARACTER}" * 1800),
        ("os.mkfifo('pipe')", "'pipe' is a named pipe"),
        ("socket.socket(socket.AF_UNIX).bind('socket')", "'socket' is a socket"),
        ("os.link('solve.py', '../' + 'a')", "exit code 1"),
        ("for n in range(200): os.mkdir('d'); os.chdir('d')", "deeper than 128"),
        ("for n in range(200001): open(f'f{n}', 'w').close()", "more than 200000 entries"),
        ("for n in 'abc': open(n, 'w').truncate((1 << 24) * 3)", "more than 67108864 bytes"),
        ("open('sparse', 'w').truncate(1 << 27)", "more than 67108864 bytes"),
    ],
)
def test_failures_are_the_candidates_and_say_why(box: Box, setup: str, expected: str) -> None:
    started = time.monotonic()
    message = failure_of(box, candidate(setup))
    assert expected in message
    assert len(message) <= 4096
    assert time.monotonic() - started < 60


def test_a_failure_is_remembered(box: Box) -> None:
    tar = candidate("print(time.monotonic_ns()); sys.exit(1)")
    first = failure_of(box, tar)
    assert failure_of(box, tar) == first
    record = place_of(box, tar)
    assert (stat.S_IMODE(record.stat().st_mode), record.stat().st_uid) == (0o600, 0)


def test_a_missing_program_is_the_candidates_failure(needs_root: None) -> None:
    with open_box(setup=["{workspace}/nothing"]) as box:
        message = failure_of(box, make_tar({"solve.py": ""}))
        assert "exit code 127" in message
        assert "cannot run" in message


def test_a_timeout(needs_root: None) -> None:
    with open_box(setup=SETUP, setup_timeout=0.5) as box:
        setup = "os.fork(); print('half', flush=True); open('x', 'w'); time.sleep(60)"
        message = failure_of(box, candidate(setup))
        assert message == "setup took longer than 0.5 s\nstandard output ended with:\nhalf\nhalf"
        assert is_clear(box)


def test_a_bad_tree_is_not_set_up(box: Box) -> None:
    answer = box.connect().put(candidate("")[:1000], "b" * 40)
    assert answer["error"]["code"] == "bad_tree"


@pytest.mark.parametrize("how", ["close", "shutdown", "speak"])
def test_a_client_that_leaves_aborts_the_setup(box: Box, how: str) -> None:
    tar = candidate("os.fork(); open(home + '/here', 'w'); open('made', 'w'); time.sleep(60)")
    client = start_put(box, tar)
    wait_until(Path(box.plan["candidates"], ".setup/work/here").exists)
    assert box.connect().ask("has", tree=tree_id(tar))["present"] is False
    if how == "close":
        client.close()
    elif how == "shutdown":
        client.socket.shutdown(1)
    else:
        client.send({"op": "ping"})
    wait_until(lambda: is_clear(box))
    assert not place_of(box, tar).exists()


def test_a_client_that_leaves_while_another_one_has_the_turn(box: Box) -> None:
    first = start_put(box, candidate("open(home + '/here', 'w'); time.sleep(60)"))
    wait_until(Path(box.plan["candidates"], ".setup/work/here").exists)
    before = len(box.handlers())
    second = start_put(box, candidate("pass"))
    wait_until(lambda: len(box.handlers()) > before)
    second.close()
    wait_until(lambda: len(box.handlers()) <= before)
    first.close()
    wait_until(lambda: is_clear(box))


def test_a_killed_handler_leaves_nothing_that_counts(box: Box) -> None:
    tar = candidate(
        """
os.makedirs('a/b/c'); open('a/b/c/d', 'w'); os.chmod('a/b', 0); os.chmod('.', 0o777); os.fork()
open(home + '/here', 'w'); time.sleep(0 if os.path.exists('/tmp/setup-second') else 60)
""",
        "print('ran')",
    )
    start_put(box, tar)
    here = Path(box.plan["candidates"], ".setup/work/here")
    wait_until(here.exists)
    os.kill(box.handlers()[-1], signal.SIGKILL)
    assert box.connect().ask("has", tree=tree_id(tar))["present"] is False
    assert box.connect().sample(tree_id(tar))[0]["error"]["code"] == "unknown_tree"
    second = Path("/tmp/setup-second")
    second.touch()
    try:
        assert box.connect().put(tar) == {"ok": True}
    finally:
        second.unlink()
    assert box.connect().sample(tree_id(tar))[0]["stdout"] == "ran\n"


def test_a_daemon_clears_what_a_killed_ones_setup_left(needs_root: None) -> None:
    with open_box(setup=SETUP) as box:
        tar = candidate("open(home + '/here', 'w'); os.chmod('.', 0); time.sleep(60)")
        start_put(box, tar)
        wait_until(Path(box.plan["candidates"], ".setup/work/here").exists)
        os.kill(box.process.pid, signal.SIGKILL)
        box.process.wait()
        wait_until(lambda: not any("serve" in line for line in processes_of(box.uids())))
        (box.root / "log").write_text("")
        box.process = start_daemon(box.root, box.plan)
        assert is_clear(box)
        assert not place_of(box, tar).exists()


def test_half_sealed_trees_are_cleared(box: Box) -> None:
    """Root was killed while it took the tree over: some of it is root's, some the setup user's."""
    place, uid = Path(box.plan["candidates"], "c" * 40), setup_uid(box)
    (place / "mine/theirs/mine").mkdir(parents=True)
    (place / "mine/theirs/mine/file").write_text("x")
    (place / "theirs").mkdir()
    for path in (place, place / "mine/theirs", place / "theirs"):
        os.chown(path, uid, uid)
    tar = candidate("")
    put_ok(box, tar)
    assert not place.exists()


def test_a_setup_runs_alone(box: Box) -> None:
    waits = "open(home + '/here', 'w'); time.sleep(1); print(time.monotonic_ns())"
    tree = put_ok(box, candidate("", waits))
    client = box.connect()
    client.send({"op": "sample", "tree": tree, "input": {}})
    wait_until(Path(box.plan["slots"][0], "work/here").exists)
    tar = candidate("open('start', 'w').write(str(time.monotonic_ns())); time.sleep(0.5)")
    putting = start_put(box, tar)
    answer, _ = client.receive()
    time.sleep(0.1)
    assert box.connect().sample(tree)[0]["exit"] == 0
    assert putting.receive()[0] == {"ok": True}
    assert int((place_of(box, tar) / "start").read_text()) > int(answer["stdout"])


def test_access_times_tell_nothing(box: Box) -> None:
    """What one sample reads is not to be seen by the next."""
    solve = """
names = ['.', 'data', 'folder', 'folder/inner', 'link']
before = [os.lstat(name).st_atime_ns for name in names]
open('data').read(); os.listdir('folder'); open('folder/inner').read(); os.readlink('link')
os.listdir('.')
assert before == [os.lstat(name).st_atime_ns for name in names]
print(sorted(set(before)))
"""
    setup = "os.mkdir('folder'); open('folder/inner', 'w').write('x'); os.symlink('data', 'link')"
    tree = put_ok(box, candidate(setup, solve, data="x"))
    for _ in range(2):
        answer, _ = box.connect().sample(tree)
        assert answer["stdout"] == f"[{(2**31 - 1) * 10**9}]\n", answer


def mount_box(size: str, tree_bytes: int = 2 << 20) -> AbstractContextManager[Box]:
    return open_box(candidates_tmpfs=size, setup=SETUP, limits={"tree_bytes": tree_bytes})


@pytest.mark.usefixtures("needs_root")
@pytest.mark.parametrize(
    "fill",
    [
        "open('big', 'wb').write(b'x' * (1 << 25))",
        "open(home + '/big', 'wb').write(b'x' * (1 << 25))",
        "for n in range(10 ** 9): open(f'{home}/{n}', 'w').close()",
    ],
    ids=["tree", "home", "inodes"],
)
def test_a_full_file_system_is_the_candidates_failure(fill: str) -> None:
    with mount_box("size=12m,nr_inodes=2000") as box:
        put_ok(box, candidate("# 1"))
        message = failure_of(box, candidate(fill))
        assert "and its file system is full" in message
        assert "No space left" in message
        assert is_clear(box)
        put_ok(box, candidate("# 3"))


@pytest.mark.usefixtures("needs_root")
def test_room_for_a_setup_is_made() -> None:
    with mount_box("size=8m") as box:
        old = [candidate(f"open('x', 'wb').write(b'x' * (1 << 20)) # {n}") for n in range(6)]
        for tar in old:
            put_ok(box, tar)
        present = [box.connect().ask("has", tree=tree_id(tar))["present"] for tar in old]
        assert present == [False, False, True, True, True, True]
        put_ok(box, candidate("open(home + '/x', 'wb').write(b'x' * (7 << 19))"))


@pytest.mark.usefixtures("needs_root")
def test_room_that_others_use_is_not_taken(open_path: Path) -> None:
    """Then it is the machinery that fails: the candidate had no part in it."""
    store = Store(str(open_path), 1 << 20)
    store.prepare()
    tar = make_tar({"a": "x"})
    store.put("a" * 40, io.BytesIO(tar).read)
    with store.use("a" * 40), pytest.raises(NoRoomError):
        store.make_free(2**60, 0, "")
    assert store.has("a" * 40)
    store.make_free(2**60, 0, "")
    assert not store.has("a" * 40)


def test_old_failures_make_room_like_trees(needs_root: None) -> None:
    with mount_box("size=4m,nr_inodes=100", tree_bytes=1 << 20) as box:
        failing = [candidate(f"sys.exit({n})") for n in range(1, 60)]
        for tar in failing:
            answer = box.connect().put(tar)
            assert answer["error"]["code"] == "setup_failed", answer
            box.disconnect()
        put_ok(box, candidate("open('x', 'wb').write(b'x' * (1 << 19))"))
