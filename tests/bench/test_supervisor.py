"""The supervisor's own share: registering, starting, and booting many profiles. No Docker."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from compiler.runtime.supervisor.apply import apply
from compiler.runtime.supervisor.boot import decide
from compiler.runtime.supervisor.gateway import (
    await_ready,
    await_stopped,
    begin_start,
    begin_stop,
)
from compiler.runtime.supervisor.listening import is_listening
from compiler.runtime.supervisor.manager import commands_lock, ensure_slot
from compiler.runtime.supervisor.plan import Plan, read_plan
from compiler.runtime.supervisor.prepare import prepare
from compiler.runtime.supervisor.profiles import make_profile
from compiler.runtime.supervisor.user import find_owner, give_up_root
from tests.runtime.supervisor.plans import make_plan
from tests.runtime.supervisor.tree import PORTS, PYTHON, USER, Tree, open_tree, user_argv

pytestmark = pytest.mark.bench

ROUNDS = 30


@pytest.fixture
def tree() -> Iterator[Tree]:
    if shutil.which("s6-svscan") is None:
        pytest.skip("s6 is missing (.ci/s6 installs it)")
    with open_tree(as_root=False) as opened:
        yield opened


def milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def as_service(measure: Callable[[], list[float]]) -> list[float]:
    """What the function measures in a process of the service's user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                give_up_root(find_owner(USER))
            os.write(writing, json.dumps(measure()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as results:
        content = results.read()
    os.waitpid(child, 0)
    numbers: list[float] = json.loads(content)
    return numbers


def register(plan: Plan, name: str) -> None:
    with commands_lock(plan):
        ensure_slot(plan, name)


def start(plan: Plan, name: str) -> None:
    await_ready(plan, begin_start(plan, name), 30, print)


def register_many(plan: Plan) -> list[float]:
    """From a profile's folder to both supervisors alive."""
    found = []
    for index in range(ROUNDS):
        make_profile(plan, f"p{index}")
        found.append(milliseconds(partial(register, plan, f"p{index}")))
    return found


def start_many(plan: Plan) -> list[float]:
    """From the wish to ready. A profile each: s6 starts a service at most once a second."""
    found = []
    for index in range(ROUNDS):
        found.append(milliseconds(partial(start, plan, f"p{index}")))
        begin_stop(plan, f"p{index}")
        await_stopped(plan, f"p{index}")
    return found


def start_bare(tree: Tree) -> list[float]:
    """The same program by itself: from its start to an open port."""
    found = []
    port = PORTS + 99
    tree.make_profile("bare")
    for _ in range(ROUNDS):
        argv = [PYTHON, "-I", "-S", str(tree.folder / "gateway.py"), "bare", str(port)]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*user_argv(False), *argv, str(tree.profile("bare"))], stdout=subprocess.DEVNULL
        )
        while not is_listening(port):
            time.sleep(0.001)
        found.append((time.perf_counter() - started) * 1000)
        process.terminate()
        process.wait()
    return found


def test_register_and_start(tree: Tree) -> None:
    tree.boot()
    plan = read_plan(str(tree.plan_file))
    registered = as_service(lambda: register_many(plan))
    started = as_service(lambda: start_many(plan))
    bare = start_bare(tree)
    own = statistics.median(started) - statistics.median(bare)
    print(
        f"\nregister to up: {statistics.median(registered):.1f} ms (least {min(registered):.1f})"
        f"\nstart to ready: {statistics.median(started):.1f} ms, the program alone"
        f" {statistics.median(bare):.1f} ms, beyond it {own:.1f} ms"
        f" (least: {min(started) - min(bare):.1f}); medians of {ROUNDS}"
    )
    assert min(registered) < 200
    assert min(started) - min(bare) < 500


def test_reconciling_many_profiles(tree: Tree) -> None:
    """What a boot does between root's part and s6-svscan, on a home that was booted before."""
    plan = make_plan(home=str(tree.home), scandir=str(tree.scandir))
    prepare(plan)
    for index in range(500):
        make_profile(plan, f"profile-{index:03}")

    def reconcile_all() -> None:
        prepare(plan)
        actions, _ = decide(plan, [])
        done, failed = apply(plan, actions)
        assert (len(done), failed) == (501, [])

    first = milliseconds(reconcile_all)
    again, own = [], []
    for _ in range(5):
        before = time.process_time()
        again.append(milliseconds(reconcile_all))
        own.append((time.process_time() - before) * 1000)
    print(
        f"\nreconciling 500 profiles: {statistics.median(again):.0f} ms (least {min(again):.0f}),"
        f" processor time {statistics.median(own):.0f} ms, the first time {first:.0f} ms"
    )
    assert statistics.median(own) < 2000


@pytest.mark.parametrize("count", [10, 99])
def test_many_gateways(tree: Tree, count: int) -> None:
    """All wanted: from the boot to all ready, and down again."""
    tree.boot()
    for index in range(count):
        tree.make_profile(f"p{index}")
    tree.ok("gateway", "start", "--all", timeout=300)
    tree.shut_down(60)
    started = time.perf_counter()
    tree.boot()
    up = time.perf_counter() - started
    tree.wait_for(lambda: set(tree.states().values()) == {"running"}, 300)
    ready = time.perf_counter() - started
    down = milliseconds(lambda: tree.shut_down(60))
    print(
        f"\n{count + 1} gateways: s6-svscan after {up:.2f} s, all ready after {ready:.2f} s,"
        f" down in {down / 1000:.2f} s"
    )
