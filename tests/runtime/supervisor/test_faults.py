"""Gateways that die, killed supervisors, orphans, two trees, full disks: on a real tree."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.runtime.supervisor.tally import read_tally
from tests.runtime.supervisor.plans import declare
from tests.runtime.supervisor.tree import PORTS, Tree, open_tree

# ---- gateways that die ------------------------------------------------------------------------


def test_a_fatal_exit_code_gives_up_at_once(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    tree.make_profile("coder", exit=78)
    done = tree.run("gateway", "start", "-p", "coder")
    assert done.returncode == 3
    assert "coder: gave up: exit code 78" in done.stderr
    assert f"gateway coder on {tree.status('coder')['port']}" in done.stderr
    assert tree.starts("coder") == 1
    state = tree.status("coder")
    assert (state["state"], state["wanted"], state["last_exit"]) == ("gave-up", True, "gave-up")
    health = tree.run("health")
    assert (health.returncode, health.stdout) == (3, "coder: gave-up\n")

    # It keeps its wish, and the next boot gives it fresh tries, and says how it ended.
    tree.restart()
    tree.wait_state("coder", "gave-up")
    assert tree.starts("coder") == 2
    assert tree.boot_lines("coder")[-1] == {
        "profile": "coder",
        "prior_state": "running",
        "action": "started",
        "last_exit": "gave-up",
    }
    tree.conduct("coder")
    tree.ok("gateway", "start", "-p", "coder")
    tree.ok("health")


def test_a_loop_is_given_up_after_so_many_deaths(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    loops: dict[str, dict[str, int]] = {
        "one": {"exit": 1},
        "zero": {"exit": 0},
        "killed": {"signal": signal.SIGSEGV},
    }
    for name, conduct in loops.items():
        tree.make_profile(name, **conduct)
    done = tree.run("gateway", "start", "--all", "--json")
    assert done.returncode == 3, done.stderr
    told = {each["profile"]: each for each in json.loads(done.stdout)}
    assert told["default"]["outcome"] == "ready"
    for name, conduct in loops.items():
        found = told[name]
        assert found["outcome"] == "gave-up"
        assert (found["exit_code"], found["signal"]) == (conduct.get("exit"), conduct.get("signal"))
        assert any("given up until the next start or boot" in line for line in found["log"])
        assert tree.starts(name) == 3
    # By hand it gets all its tries again.
    tree.run("gateway", "start", "-p", "one")
    assert tree.starts("one") == 6


def test_one_death_is_mended_by_itself(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    tree.make_profile("coder", once=0)
    done = tree.run("gateway", "start", "-p", "coder")
    assert done.returncode == 0, done.stderr
    assert tree.starts("coder") == 2
    os.kill(tree.status("coder")["pid"], signal.SIGKILL)
    tree.wait_for(lambda: tree.starts("coder") == 3)
    tree.wait_state("coder", "running")


def test_a_gateway_that_waits_for_its_next_try_starts_and_stops_at_once(user_tree: Tree) -> None:
    tree = user_tree
    tree.write_plan(crash={"deaths": 5, "window": 60, "max_backoff": 600})
    tree.boot()
    tree.make_profile("coder", exit=1)
    assert tree.run("gateway", "start", "-p", "coder", "--timeout", "0.1").returncode == 3

    tree.wait_state("coder", "waiting")
    tree.conduct("coder")
    tree.ok("gateway", "start", "-p", "coder", timeout=20)
    assert tree.starts("coder") == 2
    tree.conduct("coder", exit=1)
    os.kill(tree.status("coder")["pid"], signal.SIGKILL)
    tree.wait_state("coder", "waiting")
    tree.ok("gateway", "stop", "-p", "coder", timeout=20)
    assert tree.status("coder")["state"] == "stopped"


def test_a_start_while_it_stops_is_a_start(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    tree.make_profile("coder", drain=1.5)
    tree.ok("gateway", "start", "-p", "coder")
    before = tree.status("coder")["pid"]
    subprocess.run(["s6-svc", "-d", str(tree.scandir / "gateway-coder")], check=True)
    tree.wait_state("coder", "stopping")
    tree.ok("gateway", "start", "-p", "coder")
    after = tree.status("coder")
    assert (after["state"], after["wanted"]) == ("running", True)
    assert after["pid"] != before
    assert tree.starts("coder") == 2


def test_a_gateway_that_is_deaf_is_killed(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    tree.make_profile("coder", deaf=True, child=True)
    tree.ok("gateway", "start", "-p", "coder")
    child = int((tree.profile("coder") / "child").read_text())
    pid = tree.status("coder")["pid"]
    tree.ok("gateway", "restart", "-p", "coder")
    # What it started in its own group goes with it.
    tree.wait_for(lambda: not is_alive(pid) and not is_alive(child))
    tree.ok("gateway", "stop", "-p", "coder")


def test_a_port_that_is_taken_is_said(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    tree.ok("profile", "create", "coder")
    port = tree.status("coder")["port"]
    code = f"import socket;s=socket.socket();s.bind(('',{port}));s.listen();print();input()"
    holder = subprocess.Popen(
        ["python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    done = tree.run("gateway", "start", "-p", "coder")
    assert holder.communicate(b"\n")
    assert f"port {port} is taken by another process" in done.stderr


@pytest.mark.parametrize("readiness", [{"kind": "notify", "fd": 5}, {"kind": "none"}])
def test_other_kinds_of_readiness(user_tree: Tree, readiness: dict[str, object]) -> None:
    tree = user_tree
    tree.write_plan(readiness=readiness)
    tree.boot()
    tree.make_profile("coder", delay=0.7, notify=readiness.get("fd", 0))
    started = time.monotonic()
    tree.ok("gateway", "start", "-p", "coder")
    waited = time.monotonic() - started >= 0.7
    assert waited or readiness["kind"] == "none"
    assert tree.status("coder")["ready"]


def test_a_start_that_takes_too_long_says_so(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    tree.make_profile("coder", delay=30)
    done = tree.run("gateway", "start", "-p", "coder", "--timeout", "0.5")
    assert done.returncode == 3
    assert "not ready after 0.5 s" in done.stderr
    assert tree.status("coder")["state"] == "starting"


# ---- supervisors that are killed --------------------------------------------------------------


def is_alive(pid: int) -> bool:
    """A zombie is not: this machine's first process may be slow to reap what is not its own."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gateways(tree: Tree, name: str) -> list[int]:
    """Processes that are a gateway of that profile."""
    found = []
    for pid in tree.members():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if any(w.endswith(b"/gateway.py") for w in words) and name.encode() in words:
                found.append(pid)
    return found


def supervisors(tree: Tree, slot: str) -> list[int]:
    found = []
    for pid in tree.pids_named("s6-supervise"):
        with contextlib.suppress(OSError):
            if slot.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                found.append(pid)
    return found


@pytest.mark.parametrize("deaf", [False, True])
def test_a_killed_supervisor_leaves_one_gateway(user_tree: Tree, deaf: bool) -> None:
    tree = user_tree
    tree.boot()
    tree.make_profile("coder", deaf=deaf)
    tree.ok("gateway", "start", "-p", "coder")
    before = tree.status("coder")["pid"]
    (supervisor,) = supervisors(tree, "gateway-coder")
    os.kill(supervisor, signal.SIGKILL)
    tree.wait_for(lambda: supervisors(tree, "gateway-coder") not in ([], [supervisor]))
    tree.wait_for(lambda: gateways(tree, "coder") not in ([], [before]))
    tree.wait_state("coder", "running")
    assert gateways(tree, "coder") == [tree.status("coder")["pid"]]
    # That was nobody's death.
    assert read_tally(str(tree.scandir / "gateway-coder")).deaths == []


def test_a_stop_ends_a_gateway_that_nobody_supervises(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    tree.make_profile("coder")
    tree.ok("gateway", "start", "-p", "coder")
    (before,) = gateways(tree, "coder")
    # As after a stop that met a supervisor which had just been killed.
    (tree.scandir / "gateway-coder" / "down").touch()
    (supervisor,) = supervisors(tree, "gateway-coder")
    os.kill(supervisor, signal.SIGKILL)
    tree.wait_for(lambda: supervisors(tree, "gateway-coder") not in ([], [supervisor]))
    assert gateways(tree, "coder") == [before]
    tree.ok("gateway", "stop", "-p", "coder")
    assert gateways(tree, "coder") == []


def test_all_supervisors_killed_at_once(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    names = ("a", "b", "c")
    for name in names:
        tree.make_profile(name)
    tree.ok("gateway", "start", "--all")
    before = {name: gateways(tree, name) for name in names}
    for pid in tree.pids_named("s6-supervise"):
        os.kill(pid, signal.SIGKILL)
    tree.wait_for(
        lambda: all(len(gateways(tree, n)) == 1 and gateways(tree, n) != before[n] for n in names)
    )
    tree.wait_for(lambda: set(tree.states().values()) == {"running"})
    # The loggers are back, too: what a gateway writes arrives.
    tree.ok("gateway", "restart", "-p", "a")
    tree.wait_for(lambda: tree.ok("gateway", "logs", "-p", "a").count("gateway a on") == 3)
    assert "unable to lock" not in tree.said()[-500:]
    assert tree.shut_down() == 0


# ---- orphans ----------------------------------------------------------------------------------


def test_an_orphan_that_holds_the_log_delays_neither_the_end_nor_a_deletion(tree: Tree) -> None:
    tree.boot()
    for name in ("coder", "tester"):
        tree.make_profile(name, orphan=True)
    tree.ok("gateway", "start", "-p", "coder")
    tree.ok("gateway", "start", "-p", "tester")
    orphan = int((tree.profile("coder") / "orphan").read_text())
    tree.ok("profile", "delete", "coder", timeout=30)
    tree.wait_for(lambda: not is_alive(orphan))
    started = time.monotonic()
    assert tree.shut_down() == 0
    assert time.monotonic() - started < 5
    tree.wait_for(lambda: not tree.members())


def test_creating_and_deleting_leaves_no_supervisors(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    # s6-svscan, two s6-supervise and a logger for the root profile.
    tree.wait_for(lambda: len(tree.members()) == 4)
    for _ in range(5):
        tree.ok("profile", "create", "coder", "--start")
        tree.ok("profile", "delete", "coder")
    tree.wait_for(lambda: len(tree.members()) == 4)
    assert "unable to lock" not in tree.said()


# ---- one home, two trees ----------------------------------------------------------------------


def test_a_second_tree_on_one_home_starts_nothing_and_says_so(tree: Tree) -> None:
    tree.write_plan(profiles=[declare("coder", PORTS + 5, start=True)])
    tree.boot()
    tree.wait_state("coder", "running")
    with open_tree(as_root=tree.as_root) as other:
        other.write_plan(home=str(tree.home), profiles=[declare("coder", PORTS + 5, start=True)])
        other.boot()
        host = os.uname().nodename
        assert f"no gateways: {tree.home} is supervised by {host}" in other.said()
        assert [p.name for p in other.scandir.iterdir() if "gateway" in p.name] == []
        done = other.run("gateway", "start", "-p", "coder")
        assert done.returncode == 3
        assert "not supervised here" in done.stderr
        assert "use the other one, or end it" in done.stderr
        assert other.run("health").returncode == 3
        assert other.run("profile", "delete", "coder").returncode == 3
        assert other.shut_down() == 0
    assert tree.starts("coder") == 1
    assert tree.status("coder")["state"] == "running"
    # Where nobody supervises, nobody's gateway is in the way.
    tree.shut_down()
    tree.ok("profile", "delete", "coder")
    assert not tree.profile("coder").exists()


# ---- full disks -------------------------------------------------------------------------------


@pytest.fixture
def small_home(root_tree: Tree) -> Iterator[Tree]:
    """A tree whose home is a file system of its own, of two mebibytes."""
    home = str(root_tree.home)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "mooring", home]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        yield root_tree
    finally:
        root_tree.end()
        subprocess.run(["umount", "--lazy", home], check=True)


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk(small_home: Tree) -> None:
    tree = small_home
    tree.boot()
    tree.ok("profile", "create", "runs", "--start")
    tree.ok("profile", "create", "rests")
    fill(tree.home)
    # What runs goes on; it can be stopped, and one is told what that is worth.
    done = tree.run("gateway", "stop", "-p", "runs")
    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "will be started by the next boot" in done.stderr
    assert tree.status("runs")["state"] == "stopped"
    # A start that could not be kept is refused.
    assert "the wish cannot be recorded" in tree.run("gateway", "start", "-p", "rests").stderr
    assert tree.status("rests")["state"] == "stopped"
    # A boot brings up what it can.
    tree.restart()
    tree.wait_for(lambda: tree.status("runs")["state"] in ("running", "starting", "waiting"))
    (tree.home / "filler").unlink()
    tree.ok("gateway", "start", "-p", "rests")
    tree.ok("gateway", "start", "-p", "runs")
    assert tree.shut_down() == 0


# ---- the end of a container that has only begun ------------------------------------------------


@pytest.mark.parametrize("when", ["as early as can be", "as soon as the tree is up"])
def test_a_stop_right_after_the_start_is_not_lost(root_tree: Tree, when: str) -> None:
    """As PID 1, which loses each signal that it neither handles nor blocks."""
    tree = root_tree
    argv = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    process = subprocess.Popen(
        [*argv, str(tree.scripts / "mooring-boot")],
        cwd="/", env=tree.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    tree.processes.append(process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    tree.wait_for(lambda: children.read_text().split())
    (first,) = map(int, children.read_text().split())
    early = when.startswith("as early")
    tree.wait_for(lambda: blocks(first, signal.SIGTERM) if early else tree.is_up())
    os.kill(first, signal.SIGTERM)
    assert process.wait(10) == (128 + signal.SIGTERM if early else 0)


def blocks(pid: int, number: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigBlk"))
    return bool(mask >> (number - 1) & 1)
