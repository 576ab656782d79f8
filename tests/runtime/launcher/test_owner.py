"""Whether a launcher lives: certain, or not ours to say; and the lock that ends with its holder."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.runtime.launcher.lock import Lock
from compiler.runtime.launcher.owner import (
    is_dead,
    new_session,
    own_name,
    own_place,
    start_of,
)

# With an id, whether this machine has one or not.
HERE = replace(own_place(), host="here@01234567")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "100"])
    yield process
    process.kill()
    process.wait()


def name_of(pid: int, start: object) -> str:
    return f"{HERE.host}:{HERE.boot}:{HERE.namespace}:{pid}:{start}"


def test_own_name() -> None:
    here = own_place()
    place = f"{here.host}:{here.boot}:{here.namespace}"
    assert own_name() == f"{place}:{os.getpid()}:{start_of(os.getpid())}"
    assert not is_dead(own_name(), here)


def test_a_process_lives_until_it_ends(child: subprocess.Popen[bytes]) -> None:
    owner = name_of(child.pid, start_of(child.pid))
    assert not is_dead(owner, HERE)
    child.kill()
    # Not reaped yet: it is still in the table, and does nothing any more.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(owner, HERE)
    child.wait()
    assert is_dead(owner, HERE)


def test_another_process_with_the_same_id(child: subprocess.Popen[bytes]) -> None:
    start = start_of(child.pid)
    assert start is not None
    assert is_dead(name_of(child.pid, start - 1), HERE)


def test_what_is_not_ours_to_say() -> None:
    """Another host or namespace on the same engine, or a label of somebody else."""
    dead = name_of(2**22 + 1, 1)
    assert is_dead(dead, HERE)
    assert is_dead(dead, replace(HERE, boot="ffffffff"))
    assert not is_dead(dead, replace(HERE, host="here@76543210"))
    assert not is_dead(dead, replace(HERE, namespace="1"))
    for label in ("", "x", "1234-5", dead + "x", "x" + dead, dead.replace(":", "-")):
        assert not is_dead(label, HERE)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "machine-id"
    monkeypatch.setattr("compiler.runtime.launcher.owner.MACHINE_ID", str(path))
    return path


def test_two_hosts_of_one_name(machine: Path) -> None:
    machine.write_text("0" * 32 + "\n")
    first, other_boot = own_name(), replace(own_place(), boot="ffffffff")
    digest = hashlib.sha256(b"0" * 32).hexdigest()[:8]
    assert first.startswith(f"{os.uname().nodename}@{digest}:")
    assert is_dead(first, other_boot)
    machine.write_text("1" * 32 + "\n")
    assert not is_dead(first, replace(own_place(), boot="ffffffff"))


@pytest.mark.parametrize("text", [None, "", "uninitialized\n"])
def test_a_host_without_an_id_judges_its_own_boot_alone(machine: Path, text: str | None) -> None:
    if text is not None:
        machine.write_text(text)
    here = own_place()
    assert here.host == f"{os.uname().nodename}@"
    gone = f"{here.host}:{here.boot}:{here.namespace}:{2**22 + 1}:1"
    assert is_dead(gone, here)
    assert not is_dead(gone, replace(here, boot="ffffffff"))


def test_sessions_differ() -> None:
    names = {new_session() for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"mooring-[0-9a-f]{8}", name) for name in names)


def test_one_holds_the_lock(tmp_path: Path) -> None:
    folder, waited = str(tmp_path / "locks"), []
    first, second = Lock(folder, "a/../b"), Lock(folder, "a/../b")
    assert first.acquire(lambda: False, lambda: waited.append(1))
    assert not second.acquire(lambda: bool(waited), lambda: waited.append(2))
    assert waited == [2]
    assert Lock(folder, "other").acquire(lambda: False, lambda: waited.append(3))
    first.release()
    first.release()
    assert second.acquire(lambda: False, lambda: waited.append(4))
    assert waited == [2]
    assert all(each.parent == tmp_path / "locks" for each in tmp_path.rglob("*.lock"))


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, time; from compiler.runtime.launcher.lock import Lock\n"
        "Lock(sys.argv[1], 'x').acquire(lambda: False, print); keep = 1\n"
        "lock = Lock(sys.argv[1], 'y'); lock.acquire(lambda: False, print)\n"
        "print('held', flush=True); time.sleep(100)"
    )
    argv = [sys.executable, "-c", script, str(tmp_path)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    mine = Lock(str(tmp_path), "y")
    assert not mine.acquire(lambda: True, lambda: None)
    process.kill()
    process.wait()
    process.stdout.close()
    end = time.monotonic() + 30
    assert mine.acquire(lambda: time.monotonic() > end, lambda: None)
