"""Figures of the evaluator, printed by `make bench`: whole processes, side by side."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.evaluator.fakes import right, scripted_runner
from tests.runtime.evaluator.house import (
    ADDING,
    WRONG,
    Evaluator,
    House,
    make_house,
    open_evaluator,
    short_folder,
)
from tests.runtime.runner.box import open_box

pytestmark = pytest.mark.bench
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the runner changes users: needs root")
WORKERS = 8


@pytest.fixture
def house() -> Iterator[House]:
    with short_folder() as root:
        yield make_house(root / "house", budgets=[])


@pytest.fixture
def fake(house: House) -> Iterator[Evaluator]:
    """An evaluator over a runner that takes no time."""
    with (
        scripted_runner(house, lambda request, _: right(request)),
        open_evaluator(house) as opened,
    ):
        yield opened


def widen(house: House, samples: int, concurrency: int) -> None:
    """Gives the train split that many samples."""
    lines = [json.dumps({"left": n, "right": n, "answer": 2 * n}) + "\n" for n in range(samples)]
    (house.root / "data" / "train.jsonl").write_text("".join(lines))
    house.plan["splits"][0]["samples"] = samples
    house.plan["max_concurrency"] = concurrency


def processor_seconds(evaluator: Evaluator) -> float:
    """What the evaluator's process has used of a processor: what others use is not in it."""
    fields = Path(f"/proc/{evaluator.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_the_status(fake: Evaluator) -> None:
    """A few connections that stay open, while nothing changes."""
    fake.measure("train", fake.house.commit(ADDING))
    port, number = fake.house.plan["listen"]["port"], 2000

    def ask(_: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for _ in range(number):
                connection.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
                while not connection.recv(65536).endswith(b"}"):
                    pass

    for clients in (1, 4):
        with ThreadPoolExecutor(clients) as pool:
            busy, began = processor_seconds(fake), time.perf_counter()
            list(pool.map(ask, range(clients)))
            rate = clients * number / (time.perf_counter() - began)
        most = clients * number / (processor_seconds(fake) - busy)
        print(
            f"\nGET /status over {clients} connections: {rate:.0f} a second (aim: 1000);"
            f" with a processor of its own it would be {most:.0f}"
        )


def test_two_hundred_clients(fake: Evaluator) -> None:
    commit, number = fake.house.plan["baseline"]["commit"], 200
    barrier = threading.Barrier(number)

    def client(_: int) -> tuple[float, float]:
        barrier.wait()
        answers: list[int] = []
        asked = timed(lambda: answers.append(fake.evaluate("train", commit)[0]))
        told = timed(lambda: answers.append(fake.ask("GET", "/status")[0]))
        assert answers == [202, 200]
        return asked, told

    with ThreadPoolExecutor(number) as pool:
        times = list(pool.map(client, range(number)))
    for name, values in zip(("POST /eval", "GET /status"), zip(*times, strict=True), strict=True):
        cuts = statistics.quantiles(values, n=100)
        print(f"\n{number} clients at once, {name}: p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s")


def test_the_evaluators_own_share_of_a_sample(house: House) -> None:
    """With a candidate and a runner that take no time."""
    widen(house, 1000, 1)
    with (
        scripted_runner(house, lambda request, _: right(request)),
        open_evaluator(house) as evaluator,
    ):
        seconds = timed(lambda: evaluator.measure("train", house.commit(ADDING)))
    print(f"\nthe evaluator alone: {seconds:.2f} ms a sample")


@needs_root
def test_the_overhead_of_a_sample(house: House) -> None:
    """Beyond the candidate's own process, one after another, with the real runner."""
    number = 300
    widen(house, number, 1)
    with open_box() as box:
        house.plan["paths"]["runner_socket"] = box.plan["socket"]
        with open_evaluator(house) as evaluator:
            commit = house.commit(ADDING)
            evaluator.measure("validation", commit)
            bare = [timed(lambda: _run_bare(house)) for _ in range(100)]
            whole = timed(lambda: evaluator.measure("train", commit)) / number
            bare += [timed(lambda: _run_bare(house)) for _ in range(100)]
    alone = statistics.median(bare)
    print(
        f"\na sample {whole * 1e3:.1f} ms, its process alone {alone * 1e3:.1f} ms:"
        f" overhead {(whole - alone) * 1e3:.1f} ms (aim: 15)"
    )


def command(house: House) -> list[str]:
    given = house.root / "input.json"
    given.write_text('{"left": 1, "right": 2}')
    script = str(house.work / "solve.py")
    return ["/usr/bin/python3", "-I", "-S", script, str(given)]


def _run_bare(house: House) -> None:
    subprocess.run([*command(house), str(house.root / "output.json")], check=True)


@needs_root
def test_a_thousand_samples(house: House) -> None:
    """Eight at a time, against `xargs -P 8` of the same command."""
    number = 1000
    widen(house, number, WORKERS)
    with open_box(slots=WORKERS) as box:
        house.plan["paths"]["runner_socket"] = box.plan["socket"]
        with open_evaluator(house) as evaluator:
            commit = house.commit(ADDING)
            evaluator.measure("validation", commit)
            ours = timed(lambda: evaluator.measure("train", commit))
    theirs = timed(lambda: _xargs(house, number))
    print(
        f"\n{number} samples, {WORKERS} at a time: {ours:.1f} s, xargs {theirs:.1f} s:"
        f" {ours / theirs:.2f} times"
    )


def _xargs(house: House, number: int) -> None:
    folder = house.root / "outputs"
    folder.mkdir()
    words = ["xargs", "-P", str(WORKERS), "-n", "1", *command(house)]
    names = "".join(f"{folder / str(n)}\n" for n in range(number))
    subprocess.run(words, input=names, text=True, check=True)


@pytest.mark.parametrize("again", [3, 50])
def test_finalising_fifty_candidates(house: House, again: int) -> None:
    """All of them evaluated; so many of the best are scored again, ten samples each."""
    house.plan["selection"]["rescore_top_k"] = again
    with (
        scripted_runner(house, lambda request, _: right(request)),
        open_evaluator(house) as evaluator,
    ):
        for number in range(50):
            status, answer = evaluator.send(house.commit(WRONG, str(number)))
            assert status == 201
            assert evaluator.evaluate("validation", answer["commit"])[0] == 202
        assert evaluator.wait("50", 300)["state"] == "done"
        seconds = timed(lambda: evaluator.command("finalize"))
        size = Path(house.admin / "export" / "session.tar").stat().st_size
    print(
        f"\nfinalising 50 candidates, {again} of them scored again: {seconds:.1f} s,"
        f" the archive has {size / 1e6:.1f} MB"
    )
