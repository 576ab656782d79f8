"""Red team: what a candidate tries from its setup and from its samples, and that it gains nothing.

Each test says what the attacker hopes for. What a candidate may do to itself is not looked at.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.runner.box import (
    Box,
    children,
    make_tar,
    open_box,
    processes_of,
    tree_id,
    wait_until,
)

SETUP = ["/usr/bin/python3", "-I", "-S", "{workspace}/setup.py"]
HEAD = """
import ctypes, json, os, signal, socket, stat, struct, sys, time
home = os.environ['HOME']
libc = ctypes.CDLL(None, use_errno=True)
def tries(attempts):
    gained = []
    for name, attempt in attempts.items():
        try: attempt()
        except OSError: continue
        gained.append(name)
    return gained
"""
QUIET = "print(sorted(os.listdir('.')))"


@pytest.fixture(scope="module")
def hostile_box() -> Iterator[Box]:
    if os.geteuid() != 0:
        pytest.skip("the runner needs root")
    with open_box(candidates_tmpfs="size=1g", setup=SETUP, setup_timeout=60) as box:
        yield box


@pytest.fixture
def box(hostile_box: Box) -> Iterator[Box]:
    yield hostile_box
    hostile_box.disconnect()
    wait_until(lambda: not processes_of(hostile_box.uids()))
    assert not traces_of(hostile_box)
    assert hostile_box.connect().ask("ping")["ok"]
    hostile_box.disconnect()


def traces_of(box: Box) -> list[str]:
    """What belongs to a user of the box's where it must not."""
    places = ["/tmp", "/dev/shm", "/var/tmp", box.plan["candidates"], *box.plan["slots"]]
    found = []
    for place in map(Path, places):
        try:
            found += [str(path) for path in place.iterdir() if path.lstat().st_uid in box.uids()]
        except FileNotFoundError:
            continue
    for table in ("shm", "msg", "sem"):
        rows = [row.split() for row in Path(f"/proc/sysvipc/{table}").read_text().splitlines()]
        column = rows[0].index("uid")
        found += [" ".join(row) for row in rows[1:] if int(row[column]) in box.uids()]
    return found


def candidate(setup: str, solve: str = QUIET, **files: str) -> bytes:
    return make_tar({"setup.py": HEAD + setup, "solve.py": HEAD + solve, **files}, mode=0o644)


def put_ok(box: Box, tar: bytes) -> str:
    answer = box.connect().put(tar)
    assert answer == {"ok": True}, answer
    return tree_id(tar)


def run(box: Box, tar: bytes, **fields: Any) -> dict[str, Any]:
    """One sample of a candidate whose setup must succeed."""
    answer, _ = box.connect().sample(put_ok(box, tar), **fields)
    assert answer["ok"] is True, answer
    return answer


def place_of(box: Box, tar: bytes) -> Path:
    return Path(box.plan["candidates"], tree_id(tar))


def assert_sealed(top: Path) -> None:
    for path in [top, *top.rglob("*")]:
        found = path.lstat()
        assert (found.st_uid, found.st_gid) == (0, 0), path
        if stat.S_ISLNK(found.st_mode):
            continue
        assert stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode), path
        assert stat.S_IMODE(found.st_mode) in (0o755, 0o644), path


# --- from the setup -----------------------------------------------------------------------------


def test_a_daemon_of_the_setup_edits_the_sealed_tree(box: Box) -> None:
    """Stays alive, holds files open and mapped, and waits to change them between samples."""
    setup = """
kept = os.open('kept', os.O_RDWR | os.O_CREAT, 0o666)
os.write(kept, b'first')
import mmap
view = mmap.mmap(kept, 5)
def fork():
    try: return os.fork()
    except BlockingIOError: return -1
for _ in range(8):
    if fork() == 0:
        os.setsid()
        for number in range(1, 32):
            if number not in (9, 19): signal.signal(number, signal.SIG_IGN)
        while True:
            view[0:5] = b'later'
            if fork() == 0: os.setsid()
            time.sleep(0.001)
time.sleep(0.1)
"""
    tar = candidate(setup, "print(open('kept').read()); time.sleep(0.3); print(os.getpid())")
    tree = put_ok(box, tar)
    assert not processes_of(box.uids())
    before = (place_of(box, tar) / "kept").stat()
    for _ in range(2):
        assert box.connect().sample(tree)[0]["exit"] == 0
    after = (place_of(box, tar) / "kept").stat()
    assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
    assert_sealed(place_of(box, tar))


def test_setuid_programs_and_odd_modes_are_not_sealed_in(box: Box) -> None:
    setup = """
for name, mode in (('suid', 0o4755), ('sgid', 0o2755), ('both', 0o7777), ('open', 0o666)):
    open(name, 'w').write('#!/bin/sh\\nid -u\\n'); os.chmod(name, mode)
os.mkdir('sticky'); os.chmod('sticky', 0o7777); os.mkdir('sgid-folder', 0o2777)
os.chmod('sgid-folder', 0o2777); os.chmod('.', 0o7777)
"""
    tar = candidate(setup)
    put_ok(box, tar)
    assert_sealed(place_of(box, tar))


def test_closed_folders_and_files_are_sealed(box: Box) -> None:
    """Root here may not enter them; a tree that cannot be sealed would block the store."""
    setup = """
os.makedirs('a/b/c'); open('a/b/c/d', 'w').write('deep'); os.chmod('a/b/c/d', 0)
for path in ('a/b/c', 'a/b', 'a'): os.chmod(path, 0)
os.chmod('solve.py', 0); os.chmod('.', 0)
"""
    tar = candidate(setup, "print(open('a/b/c/d').read())")
    assert run(box, tar)["stdout"] == "deep\n"
    assert_sealed(place_of(box, tar))


def test_access_lists_grant_nothing(box: Box) -> None:
    """An access list names the samples' users, who could write although the mode says no."""
    uids = list(range(box.uids().start, box.uids().stop))
    setup = f"""
entries = [(1, 7, 2**32 - 1)] + [(2, 7, uid) for uid in {uids}]
entries += [(4, 7, 2**32 - 1), (16, 7, 2**32 - 1), (32, 7, 2**32 - 1)]
value = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)
open('listed', 'w').write('x'); os.mkdir('folder')
for path in ('listed', 'folder', '.'):
    os.setxattr(path, 'system.posix_acl_access', value)
os.setxattr('folder', 'system.posix_acl_default', value)
"""
    solve = """
print(tries({'write': lambda: open('listed', 'w'), 'new': lambda: open('folder/new', 'w'),
             'top': lambda: open('new', 'w'), 'remove': lambda: os.unlink('listed'),
             'rename': lambda: os.rename('listed', 'folder/listed')}))
"""
    assert run(box, candidate(setup, solve))["stdout"] == "[]\n"


def test_hard_links_reach_no_file_of_others(box: Box) -> None:
    """A second name for a file that sealing changes, or that stays writable outside the tree."""
    victim = put_ok(box, candidate("", victim="x"))
    outside = box.root / "victim"
    outside.write_text("x")
    outside.chmod(0o666)
    setup = f"""
gained = tries({{
    'candidate': lambda: os.link('../{victim}/victim', 'a'),
    'password': lambda: os.link('/etc/passwd', 'b'), 'shadow': lambda: os.link('/etc/shadow', 'c'),
    'plan': lambda: os.link('{box.root}/plan.json', 'd'),
    'out': lambda: os.link('solve.py', '../stays'),
    'slot': lambda: os.link('solve.py', '{box.plan["slots"][0]}/stays'),
}})
os.link('solve.py', home + '/stays'); os.link('solve.py', 'twice')
for place in ('/tmp', '/dev/shm'):
    try: os.link('solve.py', place + '/stays')
    except OSError: pass
open('gained', 'w').write(json.dumps(gained))
"""
    tar = candidate(setup)
    put_ok(box, tar)
    assert json.loads((place_of(box, tar) / "gained").read_text()) == []
    assert (place_of(box, tar) / "solve.py").stat().st_nlink == 2
    assert_sealed(place_of(box, tar))
    assert outside.stat().st_uid == 0


def test_symlinks_are_kept_and_never_followed(box: Box) -> None:
    """Sealing that follows a link would give root's, or change another candidate's, files."""
    victim = put_ok(box, candidate("", victim="x"))
    secret = box.root / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    before = {path: path.lstat() for path in (Path("/etc"), Path("/etc/passwd"), secret)}
    other = Path(box.plan["candidates"], victim)
    before |= {path: path.lstat() for path in (other, other / "victim")}
    setup = f"""
for name, target in (('etc', '/etc'), ('passwd', '/etc/passwd'), ('secret', '{secret}'),
                     ('other', '../{victim}'), ('file', '../{victim}/victim'), ('up', '..'),
                     ('self', '.'), ('loop', 'loop'), ('locks', '../.locks'), ('none', 'x' * 4000)):
    os.symlink(target, name)
os.unlink('solve.py'); os.symlink('/etc/hostname', 'solve.py')
"""
    tar = candidate(setup)
    put_ok(box, tar)
    links = [path for path in place_of(box, tar).iterdir() if path.is_symlink()]
    assert len(links) == 11
    assert {path.lstat().st_uid for path in links} == {0}
    for path, found in before.items():
        now = path.lstat()
        assert (now.st_mode, now.st_uid, now.st_gid, now.st_mtime_ns, now.st_ctime_ns) == (
            *(found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, found.st_ctime_ns),
        ), path


def test_the_tree_cannot_be_swapped_for_something_else(box: Box) -> None:
    victim = put_ok(box, candidate("", victim="x"))
    setup = f"""
place, store = os.getcwd(), os.path.dirname(os.getcwd())
gained = tries({{
    'rename': lambda: os.rename(place, store + '/elsewhere'),
    'remove': lambda: os.rename(place, home + '/elsewhere'),
    'replace': lambda: os.rename(home, place), 'new': lambda: os.mkdir(store + '/' + 'e' * 40),
    'victim': lambda: os.rename('../{victim}', home + '/victim'),
    'victim file': lambda: open('../{victim}/victim', 'a'), 'lock': lambda: os.listdir('../.locks'),
    'setup folder': lambda: os.mkdir(os.path.dirname(home) + '/more'),
    'home away': lambda: os.rename(home, os.path.dirname(home) + '/x'),
    'lock setup': lambda: os.open(os.path.dirname(home), os.O_RDONLY),
    'give': lambda: os.chown('solve.py', 0, 0), 'take': lambda: os.chown('.', 0, 0),
    'mount': lambda: 1 / (libc.mount(b'none', b'.', b'tmpfs', 0, None) + 1) if
        libc.mount(b'none', b'.', b'tmpfs', 0, None) == 0 else os.stat('/nowhere'),
    'kill daemon': lambda: os.kill(os.getppid(), 9),
    'runner': lambda: socket.socket(socket.AF_UNIX).connect({box.plan["socket"]!r}),
}})
open('gained', 'w').write(json.dumps(gained))
"""
    tar = candidate(setup)
    put_ok(box, tar)
    assert json.loads((place_of(box, tar) / "gained").read_text()) == []


def test_a_setup_finds_no_sample_and_leaves_nothing_to_one(box: Box) -> None:
    """Hands an open file, a message or a lock on to samples through whatever the two share."""
    setup = """
for place in ('/tmp', '/dev/shm', '/var/tmp'):
    os.makedirs(place + '/from-setup/deep'); open(place + '/from-setup/deep/file', 'w').write('x')
    os.chmod(place + '/from-setup', 0o777)
key = 0x4d4f5345
assert -1 not in (libc.shmget(key, 4096, 0o1666), libc.msgget(key, 0o1666),
                  libc.semget(key, 1, 0o1666))
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); server.bind('\\0from-setup')
if os.fork() == 0:
    os.setsid(); time.sleep(60)
"""
    solve = """
places = ('/tmp', '/dev/shm', '/var/tmp')
found = [place for place in places if os.path.exists(place + '/from-setup')]
key = 0x4d4f5345
found += [n for n, call in (('shm', libc.shmget(key, 0, 0)), ('msg', libc.msgget(key, 0)),
                            ('sem', libc.semget(key, 0, 0))) if call != -1]
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
found += tries({'socket': lambda: client.connect('\\0from-setup')})
print(found)
"""
    assert run(box, candidate(setup, solve))["stdout"] == "[]\n"


BOMB = """
pids = 0
while pids < 200:
    try:
        if os.fork() == 0: os.setsid()
    except BlockingIOError:
        pids += 1
time.sleep(60)
"""


@pytest.mark.usefixtures("needs_root")
@pytest.mark.parametrize(
    "setup",
    [
        BOMB,
        "while True:\n    os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)",
        "while True:\n    os.mkdir('d'); os.chdir('d')",
        "for n in range(10 ** 9): open(home + f'/{n % 1000}' + 'n' * (n // 1000), 'w').close()",
        "x = []\nwhile True: x.append(open('/dev/null'))",
        "os.close(1); os.close(2); time.sleep(60)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ],
    ids=["fork bomb", "flood", "depth", "names", "files", "silence", "stop"],
)
def test_a_setup_that_never_ends_is_ended(setup: str) -> None:
    with open_box(candidates_tmpfs="size=64m", setup=SETUP, setup_timeout=1) as box:
        started = time.monotonic()
        answer = box.connect().put(candidate(setup))
        assert answer["error"]["code"] == "setup_failed", answer
        assert time.monotonic() - started < 60
        assert not processes_of(box.uids())
        assert not traces_of(box)
        assert put_ok(box, candidate(""))


@pytest.mark.usefixtures("needs_root")
def test_many_entries_are_cleared() -> None:
    setup = "for n in range(150000): open(f'{home}/{n}', 'w').close()"
    with open_box(candidates_tmpfs="size=1g,nr_inodes=200000", setup=SETUP) as box:
        started = time.monotonic()
        put_ok(box, candidate(setup))
        print(f"150,000 files made and removed in {time.monotonic() - started:.1f} s")
        assert os.statvfs(box.plan["candidates"]).f_ffree > 199_000


# --- from a sample ------------------------------------------------------------------------------

WRITES = """
paths = ['made', 'solve.py', 'folder/inner']
attempts = {}
for path in paths:
    attempts |= {
        f'append {path}': lambda path=path: open(path, 'a'),
        f'chmod {path}': lambda path=path: os.chmod(path, 0o777),
        f'unlink {path}': lambda path=path: os.unlink(path),
        f'truncate {path}': lambda path=path: os.truncate(path, 0),
        f'touch {path}': lambda path=path: os.utime(path, (0, 0)),
        f'xattr {path}': lambda path=path: os.setxattr(path, 'user.x', b'x'),
        f'rename {path}': lambda path=path: os.rename(path, path + '-'),
        f'reopen {path}': lambda path=path: open(f'/proc/self/fd/{os.open(path, 0)}', 'w'),
        f'link {path}': lambda path=path: os.link(path, 'folder/linked'),
    }
attempts |= {
    'mkdir': lambda: os.mkdir('new'), 'symlink': lambda: os.symlink('x', 'new'),
    'chmod .': lambda: os.chmod('.', 0o777), 'rmdir': lambda: os.rmdir('empty'),
    'fifo': lambda: os.mkfifo('new'), 'home': lambda: os.listdir('../.setup/work'),
}
print(tries(attempts))
"""


def test_a_sample_cannot_change_the_sealed_tree(box: Box) -> None:
    setup = """
os.mkdir('folder'); os.mkdir('empty'); open('made', 'w'); open('folder/inner', 'w')
for path in ('made', 'solve.py', 'folder', 'folder/inner', 'empty', '.'): os.chmod(path, 0o777)
"""
    tar = candidate(setup, WRITES)
    assert run(box, tar)["stdout"] == "[]\n"
    assert_sealed(place_of(box, tar))


def test_nobody_else_can_be_signalled_or_traced(box: Box) -> None:
    """Neighbours, their janitors, handlers and the daemon: by id, by group, by ptrace, by files."""
    waits = "open(home + '/here', 'w'); time.sleep(2); print('whole')"
    solve = """
gained = []
others = [int(n) for n in os.listdir('/proc') if n.isdigit() and int(n) not in (1, os.getpid())]
for pid in others:
    for name, attempt in {
        'term': lambda: os.kill(pid, 15), 'stop': lambda: os.kill(pid, 19),
        'cont': lambda: os.kill(pid, 18), 'zero': lambda: os.kill(pid, 0),
        'group': lambda: os.kill(-os.getpgid(pid) or -pid, 15),
        'mem': lambda: open(f'/proc/{pid}/mem', 'r+b'), 'fd': lambda: os.listdir(f'/proc/{pid}/fd'),
        'oom': lambda: open(f'/proc/{pid}/oom_score_adj', 'w').write('1000'),
        'nice': lambda: os.setpriority(os.PRIO_PROCESS, pid, 10),
    }.items():
        try: attempt()
        except OSError: continue
        gained.append((name, pid))
    for request in (16, 0x4206):
        if libc.ptrace(request, pid, None, None) == 0: gained.append(('trace', pid))
    if hasattr(os, 'pidfd_open'):
        try: signal.pidfd_send_signal(os.pidfd_open(pid), 15); gained.append(('pidfd', pid))
        except OSError: pass
print(gained)
"""
    waiting, attacking = (put_ok(box, candidate("", script)) for script in (waits, solve))
    client = box.connect()
    client.send({"op": "sample", "tree": waiting, "input": {}})
    wait_until(Path(box.plan["slots"][0], "work/here").exists)
    answer, _ = box.connect().sample(attacking)
    assert answer["stdout"] == "[]\n", answer
    assert client.receive()[0]["stdout"] == "whole\n"


FILLS = """
import errno
full = []
for place in (home, os.path.dirname(sys.argv[2]), '/tmp', '/dev/shm'):
    try:
        with open(place + '/fill', 'wb', buffering=0) as file:
            for _ in range(64): file.write(b'x' * (1 << 20))
    except OSError as error: full.append(errno.errorcode[error.errno])
    try:
        for n in range(5000): open(f'{place}/fill-{n}', 'w').close()
    except OSError as error: full.append(errno.errorcode[error.errno])
print(full)
"""


@pytest.fixture
def tight_box(needs_root: None) -> Iterator[Box]:
    """Slots whose file systems are as small as those of a container are large, relatively."""
    with open_box(slots=1, setup=None) as box:
        slot = box.plan["slots"][0]
        options = "size=8m,nr_inodes=500,mode=0711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", slot], check=True)
        try:
            yield box
        finally:
            subprocess.run(["umount", "-l", slot], check=True)


def test_a_sample_that_fills_its_places_harms_only_itself(tight_box: Box) -> None:
    box = tight_box
    answer, _ = box.run(HEAD + FILLS)
    assert answer["exit"] == 0, answer
    assert "ENOSPC" in answer["stdout"]
    assert not traces_of(box)
    # Not even the output fits any more: that is the candidate's failure, and the next one is well.
    script = HEAD + FILLS + "open(sys.argv[2], 'w').write('answer')"
    answer, body = box.run(script)
    assert (answer["ok"], body) == (True, b"")
    answer, body = box.run(HEAD + "open(sys.argv[2], 'w').write('answer')")
    assert (answer["exit"], body) == (0, b"answer")


def test_kernel_objects_do_not_stay(box: Box) -> None:
    solve = """
for n in range(20):
    libc.shmget(n + 0x4d4f0100, 4096, 0o1666); libc.msgget(n + 0x4d4f0100, 0o1666)
    libc.semget(n + 0x4d4f0100, 1, 0o1666)
shm = libc.shmget(0x4d4f0200, 4096, 0o1666)
libc.shmat.restype = ctypes.c_void_p
libc.shmat(shm, None, 0)
try:
    if libc.mq_open(b'/kept', os.O_CREAT | os.O_RDWR, 0o666, None) == -1: print('no queue')
except AttributeError:
    pass
if os.fork() == 0:
    os.setsid(); time.sleep(60)
"""
    assert run(box, candidate("", solve))["exit"] == 0
    assert not traces_of(box)


def test_a_sample_that_floods_and_bombs_at_once(box: Box) -> None:
    solve = """
for _ in range(4): os.fork()
end = time.monotonic() + 1
while time.monotonic() < end:
    os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)
    try:
        if os.fork() == 0: os.setsid()
    except BlockingIOError: pass
"""
    started = time.monotonic()
    answer = run(box, candidate("", solve))
    assert time.monotonic() - started < 60
    assert len(answer["stdout"]) == len(answer["stderr"]) == 4096


def test_a_killed_janitor_is_replaced(box: Box) -> None:
    """Nobody but root can do it; what follows must hold all the same."""
    tree = put_ok(box, candidate("", "open(home + '/here', 'w'); time.sleep(1); print('done')"))
    client = box.connect()
    client.send({"op": "sample", "tree": tree, "input": {}})
    wait_until(Path(box.plan["slots"][0], "work/here").exists)
    waiting = [
        pid for pid in children(box.handlers()[-1]) if Path(f"/proc/{pid}").stat().st_uid == 0
    ]
    assert len(waiting) == 1
    os.kill(waiting[0], signal.SIGKILL)
    answer, _ = client.receive()
    assert (answer["ok"], answer["stdout"]) == (True, "done\n"), answer


def test_user_namespaces_gain_no_right_over_others(box: Box) -> None:
    """Where the kernel allows them to everybody: root inside is nobody outside."""
    solve = """
os.unshare(0x10000000 | 0x20000) if hasattr(os, 'unshare') else libc.unshare(0x10000000 | 0x20000)
print(tries({'write': lambda: open('solve.py', 'a'), 'chown': lambda: os.chown('solve.py', 0, 0),
             'kill': lambda: os.kill(os.getppid(), 9), 'lock': lambda: os.listdir('../.locks'),
             'ids': lambda: os.setuid(0) if os.getuid() else os.stat('/nowhere')}))
"""
    answer = run(box, candidate("", solve))
    assert answer["stdout"] == "[]\n", answer


def test_the_libc_is_there() -> None:
    """The attacks above go through it; without it they would prove nothing."""
    libc = ctypes.CDLL(None)
    assert all(hasattr(libc, name) for name in ("shmget", "msgget", "semget", "ptrace", "mount"))
