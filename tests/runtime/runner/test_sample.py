"""One sample: what the program sees, how it may end, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.runner.box import Box, open_box, processes_of, wait_until

HEAD = "import json, os, sys, time, signal, socket, stat\nhome = os.environ['HOME']\n"


def answer_of(box: Box, script: str, **fields: Any) -> Any:
    """What a script left in `found`, as its output."""
    end = "\nwith open(sys.argv[2], 'w') as file: json.dump(found, file)\n"
    answer, body = box.run(HEAD + script + end, **fields)
    assert answer["output"] == "present", answer
    return json.loads(body)


def test_input_output_and_streams(shared_box: Box) -> None:
    script = HEAD + (
        "value = json.load(open(sys.argv[1]))\n"
        "json.dump(value, open(sys.argv[2], 'w'))\n"
        "print('said'); print('grumbled', file=sys.stderr); sys.exit(3)"
    )
    fields = {"question": "wie groß? \ud800", "n": 2**70, "deep": [{"a": None}]}
    answer, body = shared_box.run(script, **fields)
    assert json.loads(body) == fields
    seconds = answer.pop("seconds")
    assert 0 < seconds < 20
    assert answer == {
        "ok": True,
        "exit": 3,
        "signal": None,
        "timed_out": False,
        "output": "present",
        "stdout": "said\n",
        "stderr": "grumbled\n",
        "body": len(body),
    }


def test_what_a_program_finds_around_itself(shared_box: Box) -> None:
    found = answer_of(
        shared_box,
        """
def mode(path): return [oct(os.stat(path).st_mode & 0o7777), os.stat(path).st_uid]
found = {
    'environment': dict(os.environ), 'cwd': os.getcwd(), 'argv': sys.argv, 'umask': os.umask(0),
    'ids': [os.getresuid(), os.getresgid(), os.getgroups()], 'session': os.getsid(0) == os.getpid(),
    'open': sorted(int(name) for name in os.listdir('/proc/self/fd')),
    'stdin': os.readlink('/proc/self/fd/0'), 'home': mode(home), 'input': mode(sys.argv[1]),
    'input folder': mode(os.path.dirname(sys.argv[1])), 'workspace': mode('.'),
    'status': open('/proc/self/status').read(), 'limits': open('/proc/self/limits').read(),
    'oom': open('/proc/self/oom_score_adj').read(), 'listing': os.listdir(home),
}
for stream in ('/dev/stdout', '/dev/stderr'): open(stream, 'w').write('opened')
""",
    )
    plan, uid = shared_box.plan, shared_box.first_uid
    slot = plan["slots"][0]
    home = f"{slot}/work"
    assert found["environment"] == {**plan["environment"], "HOME": home, "TMPDIR": home}
    assert found["cwd"].startswith(plan["candidates"])
    assert found["argv"][1:] == [f"{slot}/in/input.json", f"{slot}/out/output.json"]
    assert found["ids"] == [[uid] * 3, [uid] * 3, []]
    assert (found["umask"], found["session"], found["stdin"]) == (0o077, True, "/dev/null")
    # The fourth is the listing itself.
    assert found["open"] == [0, 1, 2, 3]
    assert (found["home"], found["listing"]) == ([oct(0o700), uid], [])
    assert (found["input"], found["input folder"]) == ([oct(0o640), 0], [oct(0o750), 0])
    assert found["workspace"] == [oct(0o755), 0]
    capabilities = re.findall(r"Cap\w+:\s+(\w+)", found["status"])
    assert [int(each, 16) for each in capabilities[:3]] == [0, 0, 0]
    assert re.search(r"NoNewPrivs:\s+1", found["status"])
    for name, value in (("processes", 64), ("open files", 256), ("core file size", 0)):
        assert re.search(rf"Max {name}\s+{value}\s+{value}\s", found["limits"])
    assert found["oom"] == "1000\n"


# Signals 32 and 33 belong to the C library's threads (signal(7)): no program can set them by it, so
# what the tests were started with is what everything inherits.
OF_THE_C_LIBRARY = 1 << 31 | 1 << 32


def test_no_signal_is_ignored_or_blocked(needs_root: None) -> None:
    with open_box(slots=1, command=["/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]) as box:
        names, masks = zip(*map(str.split, box.run("")[0]["stdout"].splitlines()), strict=True)
        assert names == ("SigBlk:", "SigIgn:")
        assert [int(mask, 16) & ~OF_THE_C_LIBRARY for mask in masks] == [0, 0]


def test_places_are_put_into_words(needs_root: None) -> None:
    command = ["/bin/echo", "-i={input}", "{output}{workspace}", "{other}", "{{input}}"]
    with open_box(slots=1, command=command) as box:
        answer, _ = box.run("")
        slot = box.plan["slots"][0]
        first, second, *rest = answer["stdout"].split()
        assert first == f"-i={slot}/in/input.json"
        assert second.startswith(f"{slot}/out/output.json{box.plan['candidates']}/")
        assert rest == ["{other}", f"{{{slot}/in/input.json}}"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("pass", (0, None)),
        ("sys.exit(255)", (255, None)),
        ("os.kill(os.getpid(), signal.SIGSEGV)", (None, 11)),
        ("os.kill(os.getpid(), signal.SIGKILL)", (None, 9)),
        ("os.kill(-1, signal.SIGKILL); os._exit(4)", (4, None)),
        ("1/0", (1, None)),
    ],
)
def test_ends(shared_box: Box, script: str, expected: tuple[int | None, int | None]) -> None:
    answer, body = shared_box.run(HEAD + script)
    assert (answer["exit"], answer["signal"]) == expected
    assert (answer["output"], body) == ("missing", b"")
    assert answer["timed_out"] is False


@pytest.mark.parametrize(
    ("command", "files", "code"),
    [
        (["{workspace}/nothing"], {}, 127),
        (["no-such-program"], {}, 127),
        (["{workspace}"], {}, 126),
        (["{workspace}/text"], {"text": "no program"}, 126),
        (["{workspace}/script"], {"script": "#!/no/such/interpreter\n"}, 127),
        (["./script"], {"script": "#!/bin/sh\nexit 7\n"}, 7),
    ],
)
def test_a_program_that_cannot_start_is_the_candidates_failure(
    needs_root: None, command: list[str], files: dict[str, bytes | str], code: int
) -> None:
    with open_box(slots=1, command=command) as box:
        answer, _ = box.connect().sample(box.put({"solve.py": "", **files}))
        assert (answer["ok"], answer["exit"]) == (True, code)
        assert answer["stderr"].startswith("cannot run") or code == 7


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("pass", "missing"),
        ("open(sys.argv[2], 'w').write('x' * 65537)", "too_large"),
        ("open(sys.argv[2], 'w').truncate(1 << 27)", "too_large"),
        ("open(sys.argv[2], 'w').write('x' * 65536)", "present"),
        ("open(sys.argv[2], 'w')", "present"),
        ("os.symlink('/etc/passwd', sys.argv[2])", "not_a_file"),
        ("os.symlink(sys.argv[1], sys.argv[2])", "not_a_file"),
        ("os.symlink('nowhere', sys.argv[2])", "not_a_file"),
        ("os.mkdir(sys.argv[2])", "not_a_file"),
        ("os.mkfifo(sys.argv[2])", "not_a_file"),
        ("s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[2])", "not_a_file"),
        ("open(sys.argv[2], 'w'); os.chmod(sys.argv[2], 0)", "not_a_file"),
        ("open(sys.argv[2], 'w'); os.chmod(os.path.dirname(sys.argv[2]), 0)", "present"),
    ],
)
def test_outputs(shared_box: Box, script: str, state: str) -> None:
    answer, body = shared_box.run(HEAD + script)
    assert answer["ok"] is True
    assert answer["output"] == state, answer
    assert len(body) == (65536 if "65536" in script else 0)


def test_a_timeout_ends_all_of_it(needs_root: None) -> None:
    with open_box(slots=1, sample_timeout=0.5) as box:
        script = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.fork()\n"
        script += "print('half', flush=True)\nopen(sys.argv[2], 'w').write('1')\ntime.sleep(60)"
        started = time.monotonic()
        answer, body = box.run(HEAD + script)
        assert time.monotonic() - started < 15
        assert (answer["timed_out"], answer["exit"], answer["signal"]) == (True, None, 9)
        assert (answer["output"], body, answer["stdout"]) == ("present", b"1", "half\nhalf\n")
        assert answer["seconds"] >= 0.5
        assert not processes_of(box.uids())


def test_a_flood_is_fast_and_takes_no_memory(shared_box: Box) -> None:
    script = (
        "piece = b'x' * (1 << 20)\nfor _ in range(1024): os.write(1, piece)\nos.write(1, b'end')"
    )
    client = shared_box.connect()
    tree = shared_box.put({"solve.py": HEAD + script})
    started = time.monotonic()
    answer, _ = client.sample(tree)
    seconds = time.monotonic() - started
    assert answer["exit"] == 0
    assert answer["stdout"] == "x" * 4093 + "end"
    peaks = [
        int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])
        for pid in shared_box.handlers()
    ]
    assert max(peaks) < 64 * 1024
    print(f"1 GiB on standard output: {seconds:.2f} s, handler's peak {max(peaks) / 1024:.0f} MiB")
    assert seconds < 45


def test_bytes_that_are_no_text(shared_box: Box) -> None:
    answer, _ = shared_box.run("import os; os.write(2, b'\\xff' * 9000)")
    assert answer["stderr"] == "\N{REPLACEMENT CHARACTER}" * 4096


DAEMON = (
    HEAD
    + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        while True:
            print('still here', flush=True); time.sleep(0.001)
    os._exit(0)
print('done', flush=True); sys.exit(0)
"""
)


def test_a_daemon_that_holds_the_streams_dies_with_its_sample(shared_box: Box) -> None:
    started = time.monotonic()
    answer, _ = shared_box.run(DAEMON)
    assert time.monotonic() - started < 15
    assert answer["exit"] == 0
    assert not processes_of(shared_box.uids())


BOMB = (
    HEAD
    + """
failed = 0
while failed < 200:
    try:
        os.fork()
    except BlockingIOError:
        failed += 1
time.sleep(0.2 if os.getpid() == os.getsid(0) else 60)
"""
)
# Signals whatever it may, again and again, from a process that takes no notice itself.
FIGHTER = (
    HEAD
    + """
for _ in range(8):
    if os.fork() == 0:
        while True:
            if os.fork() == 0:
                os.setsid()
                continue
            try: os.kill(-1, signal.SIGSTOP); os.kill(-1, signal.SIGKILL)
            except OSError: pass
time.sleep(0.3)
"""
)


@pytest.mark.parametrize("script", [BOMB, FIGHTER], ids=["fork bomb", "fighter"])
def test_processes_that_multiply_do_not_outlive_the_sample(shared_box: Box, script: str) -> None:
    for _ in range(3):
        started = time.monotonic()
        answer, _ = shared_box.run(script)
        assert answer["ok"] is True
        assert time.monotonic() - started < 55
        assert not processes_of(shared_box.uids())
    assert shared_box.run("print(1)")[0]["stdout"] == "1\n"


TRACES = (
    HEAD
    + """
import ctypes
places = ['/tmp', '/dev/shm', '/var/tmp', home, os.path.dirname(sys.argv[2])]
for place in places:
    open(f'{place}/trace-file', 'w').write('x')
    os.makedirs(f'{place}/trace-a/b/c'); open(f'{place}/trace-a/b/c/d', 'w')
    os.chmod(f'{place}/trace-a/b', 0); os.chmod(f'{place}/trace-a', 0)
    os.mkfifo(f'{place}/trace-fifo'); os.symlink('/etc', f'{place}/trace-link')
    os.mkdir(f'{place}/trace-open', 0o777); os.chmod(f'{place}/trace-open', 0o777)
    open(f'{place}/trace-raw-\\udcff', 'w')
libc = ctypes.CDLL(None)
key = 0x4d4f0000 + os.getuid()
made = [libc.shmget(key, 4096, 0o1666), libc.msgget(key, 0o1666), libc.semget(key, 1, 0o1666)]
assert -1 not in made
os.chmod(home, 0); os.chmod(os.path.dirname(sys.argv[2]), 0o777)
"""
)


def traces_of(uids: range) -> list[str]:
    found = []
    for place in ("/tmp", "/dev/shm", "/var/tmp"):
        with os.scandir(place) as entries:
            found += [
                entry.path for entry in entries if entry.stat(follow_symlinks=False).st_uid in uids
            ]
    for table in ("shm", "msg", "sem"):
        rows = Path(f"/proc/sysvipc/{table}").read_text().splitlines()
        column = rows[0].split().index("uid")
        found += [row for row in rows[1:] if int(row.split()[column]) in uids]
    return found


def test_the_next_sample_sees_nothing_of_this_one(shared_box: Box) -> None:
    answer, _ = shared_box.run(TRACES)
    assert answer["exit"] == 0, answer
    assert not traces_of(shared_box.uids())
    listings = answer_of(
        shared_box,
        "found = [name for place in ('/tmp', '/dev/shm', '/var/tmp', home) for name in "
        "os.listdir(place)] + os.listdir(os.path.dirname(sys.argv[2]))",
    )
    assert not [name for name in listings if "trace-" in name]


def test_deep_and_many_and_closed_folders_go(shared_box: Box) -> None:
    script = (
        HEAD
        + """
def deep(place, count):
    os.chdir(place)
    for index in range(count):
        os.mkdir('d'); open('f', 'w'); os.chdir('d')
    here = os.open('.', os.O_RDONLY)
    for index in range(200):
        os.chdir('..'); os.chmod('d', 0)
deep(home, 2500)
deep('/dev/shm' if os.mkdir('/dev/shm/deep') else '/dev/shm/deep', 2500)
for index in range(5000): open(f'/tmp/many-{index}', 'w').close()
for index in range(1000): os.mkdir(f'/dev/shm/deep/.wipe-{index}')
"""
    )
    started = time.monotonic()
    answer, _ = shared_box.run(script)
    print(f"5,000 levels and 11,000 entries: {time.monotonic() - started:.2f} s in all")
    assert answer["exit"] == 0, answer
    assert not traces_of(shared_box.uids())
    assert shared_box.run("print(1)")[0]["stdout"] == "1\n"


def test_a_candidate_cannot_change_itself_or_the_box(shared_box: Box) -> None:
    found = answer_of(
        shared_box,
        """
found = []
slot = os.path.dirname(home)
socket_path = json.load(open(sys.argv[1]))['socket']
store = os.path.dirname(os.getcwd())
others = [f'{os.path.dirname(slot)}/{index}' for index in (0, 1)]
attempts = {
    'write solve.py': lambda: open('solve.py', 'a'), 'new file': lambda: open('new', 'w'),
    'remove solve.py': lambda: os.unlink('solve.py'), 'chmod': lambda: os.chmod('solve.py', 0o777),
    'new tree': lambda: os.mkdir(f'{store}/' + 'b' * 40),
    'locks': lambda: os.listdir(f'{store}/.locks'),
    'input': lambda: open(sys.argv[1], 'w'), 'unlink input': lambda: os.unlink(sys.argv[1]),
    'lock slot': lambda: os.open(slot, os.O_RDONLY), 'in slot': lambda: open(f'{slot}/x', 'w'),
    'rename home': lambda: os.rename(home, slot + '/other'),
    'rmdir out': lambda: os.rmdir(f'{slot}/out'),
    'connect': lambda: socket.socket(socket.AF_UNIX).connect(socket_path),
    'unlink socket': lambda: os.unlink(socket_path), 'root': lambda: os.setuid(0),
    'next user': lambda: os.setuid(os.getuid() + 1), 'groups': lambda: os.setgroups([0]),
    'parent': lambda: os.kill(os.getppid(), 9), 'memory': lambda: open(f'/proc/{os.getppid()}/mem'),
    'parent environ': lambda: open(f'/proc/{os.getppid()}/environ').read(),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except OSError:
        continue
    found.append(name)
""",
        socket=shared_box.plan["socket"],
    )
    assert found == []
    assert shared_box.connect().ask("ping")["ok"]


def test_a_sample_cannot_read_or_disturb_another(shared_box: Box) -> None:
    waits = HEAD + "open(home + '/mine', 'w').write('secret')\n"
    waits += "time.sleep(3); print(os.listdir(home))"
    tree = shared_box.put({"solve.py": waits})
    first = shared_box.connect()
    first.send({"op": "sample", "tree": tree, "input": {"hidden": 1}})
    here = Path(shared_box.plan["slots"][0], "work/mine")
    wait_until(here.exists)
    script = """
found = []
for slot in json.load(open(sys.argv[1]))['slots']:
    if slot == os.path.dirname(home): continue
    for path in ('in/input.json', 'work/mine', 'work', 'in', 'out', ''):
        for attempt in (os.listdir, open, lambda path: open(path, 'a'), os.unlink, os.rmdir):
            try: attempt(f'{slot}/{path}')
            except OSError: continue
            found.append(path)
for name in os.listdir('/proc'):
    if name.isdigit() and int(name) not in (os.getpid(), 1):
        try: os.kill(int(name), 9)
        except OSError: continue
        found.append(name)
"""
    found = answer_of(shared_box, script, slots=shared_box.plan["slots"])
    assert found == []
    answer, _ = first.receive()
    assert (answer["exit"], answer["stdout"]) == (0, "['mine']\n")


def test_two_samples_cannot_make_a_slot_unusable(shared_box: Box) -> None:
    """The owner of a folder in a shared place cannot remove what others keep in it."""
    host = (
        HEAD
        + """
os.mkdir('/tmp/shared-trap'); os.chmod('/tmp/shared-trap', 0o777)
os.makedirs('/tmp/shared-trap/deeper/still'); os.chmod('/tmp/shared-trap/deeper', 0o777)
os.chmod('/tmp/shared-trap/deeper/still', 0o777)
while not os.path.exists('/tmp/shared-trap/deeper/still/theirs/file'): time.sleep(0.01)
os.chmod('/tmp/shared-trap', 0o700)
"""
    )
    guest = (
        HEAD
        + """
while not os.path.isdir('/tmp/shared-trap/deeper/still'): time.sleep(0.01)
os.chdir('/tmp/shared-trap/deeper/still'); os.mkdir('theirs')
open('theirs/file', 'w'); os.chmod('theirs', 0o711)
os.chdir('theirs')
for index in range(10 ** 9):
    try: open(f'more-{index}', 'w').close()
    except OSError: time.sleep(0.001)
"""
    )
    first, second = shared_box.connect(), shared_box.connect()
    trees = [shared_box.put({"solve.py": script}) for script in (host, guest)]
    first.send({"op": "sample", "tree": trees[0], "input": {}})
    second.send({"op": "sample", "tree": trees[1], "input": {}})
    answer, _ = first.receive()
    assert answer["ok"] is True, answer
    assert answer["exit"] == 0
    second.close()
    wait_until(lambda: not any(os.listdir(slot) for slot in shared_box.plan["slots"]))
    assert not traces_of(shared_box.uids())


def test_runs_on_the_python_that_is_there() -> None:
    """The part is its folder alone: no package around it, no site, nothing of the environment."""
    folder = Path(sys.modules["compiler.runtime.runner.frames"].__file__ or "").parent
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder), "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd="/",
    )
    assert "serve" in done.stdout
    assert stat.S_ISREG((folder / "__main__.py").stat().st_mode)
