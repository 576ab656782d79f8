"""What the runner adds to a process: a sample through the daemon against the same process alone."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.runtime.runner.box import Box, Client, make_tar, open_box

pytestmark = pytest.mark.bench

ROUNDS = 150
COMMANDS = {
    "/bin/true": ["/bin/true"],
    "python3 -I -S -c pass": ["/usr/bin/python3", "-I", "-S", "-c", "pass"],
}


def milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def sample(client: Client, tree: str) -> None:
    answer, _ = client.sample(tree)
    assert answer["exit"] == 0, answer


@pytest.fixture
def _root() -> None:
    if os.geteuid() != 0:
        pytest.skip("the runner needs root")


@pytest.mark.usefixtures("_root")
@pytest.mark.parametrize("name", COMMANDS)
def test_overhead_of_a_sample(name: str) -> None:
    """Alternately, so that both see the same machine. The file systems are as in a container."""
    command = COMMANDS[name]
    with open_box(slots=1, command=command, scratch=["/dev/shm"], tmpfs="size=256m") as box:
        tree, client = box.put({"solve.py": ""}), box.connect()
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(milliseconds(lambda: sample(client, tree)))
            bare.append(milliseconds(lambda: subprocess.run(command, check=True)))
    through, alone = statistics.median(ours), statistics.median(bare)
    print(
        f"\n{name}: through the daemon {through:.1f} ms, bare {alone:.1f} ms, overhead "
        f"{through - alone:.1f} ms (least: {min(ours) - min(bare):.1f}); medians of {ROUNDS}"
    )
    assert through - alone < 100


@pytest.mark.usefixtures("_root")
def test_samples_side_by_side() -> None:
    """Against `xargs -P` of the same command, which isolates nothing."""
    command, slots, count = COMMANDS["python3 -I -S -c pass"], 4, 200
    with open_box(slots=slots, command=command, scratch=["/dev/shm"], tmpfs="size=256m") as box:
        ours = milliseconds(lambda: run_all(box, slots, count)) / count
    line = ["xargs", "-P", str(slots), "-I{}", *command]
    words = "\n".join(map(str, range(count)))
    bare = milliseconds(lambda: subprocess.run(line, input=words, text=True, check=True)) / count
    print(f"\n{count} samples, {slots} at a time: {ours:.1f} ms each; xargs -P: {bare:.1f} ms")
    assert ours - bare < 100


def run_all(box: Box, slots: int, count: int) -> None:
    tree = box.put({"solve.py": ""})
    clients = [box.connect() for _ in range(slots)]

    def work(client: Client) -> None:
        for _ in range(count // slots):
            sample(client, tree)

    with ThreadPoolExecutor(slots) as pool:
        list(pool.map(work, clients))


@pytest.mark.usefixtures("_root")
def test_a_setups_share() -> None:
    """What setting up a tree of a thousand files adds to putting it: hand over, seal, clear."""
    files: dict[str, bytes | str] = {f"{n % 20}/{n}": "x" * 1000 for n in range(1000)}
    seconds = {}
    for name, setup in (("without", None), ("with", ["/bin/true"])):
        with open_box(slots=4, setup=setup, tmpfs="size=256m") as box:
            client = box.connect()
            tars = [make_tar({**files, "mark": str(n)}) for n in range(10)]
            each = [milliseconds(partial(client.put, tar)) for tar in tars]
            seconds[name] = statistics.median(each)
    print(f"\na tree of 1,000 files: {seconds['without']:.0f} ms, with setup {seconds['with']:.0f}")
    assert seconds["with"] < 5000
