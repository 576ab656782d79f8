"""Secrets of candidates: who gets them, and every place that must not show them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.runtime.runner import secrets
from compiler.runtime.runner.plan import decode_plan
from tests.runtime.runner.box import SECRETS, Box, make_plan, make_tar, open_box, wait_until

TOKEN, OTHER = SECRETS["BOX_TOKEN"], SECRETS["BOX_OTHER"]
HEAD = "import os, sys, time\nhome = os.environ['HOME']\n"


@pytest.fixture
def box(needs_root: None) -> Iterator[Box]:
    with open_box(secrets=["BOX_TOKEN"]) as opened:
        yield opened


def test_a_sample_gets_those_that_the_plan_names(box: Box) -> None:
    script = "import os; print(len(os.environ['BOX_TOKEN']), os.environ.get('BOX_OTHER'))"
    assert box.run(script)[0]["stdout"] == f"{len(TOKEN)} None\n"


def test_what_a_program_prints_by_accident_is_hidden(box: Box) -> None:
    script = "import os, sys; print('token:', os.environ['BOX_TOKEN']); sys.exit(repr(os.environ))"
    answer, _ = box.run(script)
    assert answer["stdout"] == "token: [BOX_TOKEN]\n"
    assert "'BOX_TOKEN': '[BOX_TOKEN]'" in answer["stderr"]
    # The answer itself is the candidate's: it is not touched.
    _, body = box.run("import os, sys; open(sys.argv[2], 'w').write(os.environ['BOX_TOKEN'])")
    assert body == TOKEN.encode()


def test_no_process_of_the_daemons_shows_one_and_nothing_writes_one(box: Box) -> None:
    client = box.connect()
    waits = HEAD + "open(home + '/here', 'w'); time.sleep(60)"
    client.send({"op": "sample", "tree": box.put({"solve.py": waits}), "input": {}})
    wait_until(Path(box.plan["slots"][0], "work/here").exists)
    pids = [box.process.pid, *box.handlers()]
    for pid in pids:
        found = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"BOX_TOKEN=" in found
        assert TOKEN.encode() not in found
        assert OTHER.encode() in found
        assert TOKEN.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    sample = "import os, sys; open(sys.argv[1])"
    client.close()
    assert box.run(sample)[0]["exit"] == 0
    # Root's own look, since most of this is closed to candidates anyway.
    for path in box.root.rglob("*"):
        if path.is_file() and path.name != "plan.json":
            assert TOKEN.encode() not in path.read_bytes(), path


def test_a_sample_cannot_read_another_ones_environment(box: Box) -> None:
    waits = HEAD + "open(home + '/here', 'w'); time.sleep(3)"
    client = box.connect()
    client.send({"op": "sample", "tree": box.put({"solve.py": waits}), "input": {}})
    wait_until(Path(box.plan["slots"][0], "work/here").exists)
    script = """
import os
read = []
for name in filter(str.isdigit, os.listdir('/proc')):
    for part in ('environ', 'mem', 'maps', 'auxv', 'syscall', 'stack', 'fd/0', 'cwd/x', 'root/x'):
        try: found = open(f'/proc/{name}/{part}', 'rb').read(64)
        except OSError: continue
        # What kernel threads have is open to all, and empty.
        if found and int(name) != os.getpid(): read.append(f'{name}/{part}')
print(read)
"""
    answer, _ = box.run(script)
    assert answer["stdout"] == "[]\n", answer


def test_hiding(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(Path("/srv"), secrets=["LONG", "LONGER", "SHORT"])
    environment = {"LONG": "abcdefgh", "LONGER": "abcdefghij", "SHORT": "abc"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    taken = secrets.take_secrets(decode_plan(plan))
    assert taken.environment == {**plan["environment"], **environment}
    assert not environment.keys() & os.environ.keys()
    text = "abcdefghij abcdefgh abc abcdefg"
    assert secrets.hide_secrets(taken, text) == "[LONGER] [LONG] abc abcdefg"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_a_setups_failure_does_not_tell(needs_root: None) -> None:
    setup = ["/bin/sh", "-c", 'echo "token $BOX_TOKEN"; exit 1']
    with open_box(secrets=["BOX_TOKEN"], setup=setup) as box:
        tar = make_tar({"a": "x"})
        message = box.connect().put(tar)["error"]["message"]
        assert message.endswith("token [BOX_TOKEN]")
        assert TOKEN not in box.log
