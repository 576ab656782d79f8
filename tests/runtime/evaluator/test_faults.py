"""Kill -9 of evaluator and runner in each phase, full disks, clocks that jump: nothing is lost,
nothing is refilled, and no number is made of a fault.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime.runner.box import Box, open_box, start_daemon

from .fakes import FakeRunner, right, scripted_runner
from .house import (
    ADDING,
    SCORER,
    Evaluator,
    House,
    Json,
    budget,
    make_house,
    open_evaluator,
    short_folder,
    start_evaluator,
    wait_for,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and users need root")
SLOW_SCORER = f"""
import os, time
{SCORER}
fast = score
def score(sample, output):
    open(os.environ["MOORING_TEST_SCORED"], "w").close()
    while os.path.exists(os.environ["MOORING_TEST_WAIT"]):
        time.sleep(0.01)
    return fast(sample, output)
"""


@pytest.fixture
def house() -> Iterator[House]:
    with short_folder() as root:
        yield make_house(root / "house", budgets=[budget("train", runs=5)])


@pytest.fixture
def runner(house: House) -> Iterator[FakeRunner]:
    with scripted_runner(house, lambda request, _: right(request)) as opened:
        yield opened


def check_whole(house: House, evaluator: Evaluator, jobs: int) -> None:
    """Every job is done, its results are whole, and what was charged is what was granted."""
    for number in range(1, jobs + 1):
        job = evaluator.wait(str(number))
        assert job["state"] == "done", job
        assert len(job["result"]["details"]) == 6
        folder = house.results / str(number)
        assert sorted(path.name for path in folder.iterdir()) == ["result.json", "samples.jsonl"]
        assert len((folder / "samples.jsonl").read_text().splitlines()) == 6
    assert list((house.results / ".staging").iterdir()) == []
    left = evaluator.ask("GET", "/status")[1]["splits"][0]["budget"]["runs"]["left"]
    assert left == 5 - jobs


@pytest.mark.parametrize("phase", ["has", "put", "sample"])
def test_a_kill_while_the_runner_is_asked(house: House, runner: FakeRunner, phase: str) -> None:
    evaluator = start_evaluator(house)
    evaluator.wait_healthy()
    runner.hang_on(phase)
    for _ in range(2):
        assert evaluator.evaluate("train", house.plan["baseline"]["commit"])[0] == 202
    runner.wait_for(phase)
    evaluator.kill()
    runner.hang_on(None)
    with open_evaluator(house) as again:
        check_whole(house, again, 2)


def test_a_kill_while_the_scorer_works(house: House, runner: FakeRunner) -> None:
    (house.root / "scorer" / "scorer.py").write_text(SLOW_SCORER)
    wait, scored = house.root / "wait", house.root / "scored"
    wait.touch()
    environment = {"MOORING_TEST_WAIT": str(wait), "MOORING_TEST_SCORED": str(scored)}
    evaluator = start_evaluator(house, **environment)
    evaluator.wait_healthy()
    evaluator.evaluate("train", house.plan["baseline"]["commit"])
    wait_for(scored.exists)
    evaluator.kill()
    wait.unlink()
    with open_evaluator(house, **environment) as again:
        check_whole(house, again, 1)


def test_a_kill_while_a_candidate_arrives(house: House, runner: FakeRunner) -> None:
    evaluator = start_evaluator(house)
    evaluator.wait_healthy()
    commit = house.commit(ADDING)
    bundle = house.bundle(commit)
    head = f"POST /candidates HTTP/1.1\r\nHost: x\r\nContent-Length: {len(bundle)}\r\n"
    port = house.plan["listen"]["port"]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{head}Content-Type: application/x-git-bundle\r\n\r\n".encode())
        connection.sendall(bundle[:-5])
        wait_for(lambda: any((house.admin / "spool").iterdir()))
        evaluator.kill()
    with open_evaluator(house) as again:
        assert list((house.admin / "spool").iterdir()) == []
        assert again.evaluate("train", commit)[0] == 404
        assert again.measure("train", commit)["state"] == "done"


@pytest.mark.parametrize("turn", range(6))
def test_kills_at_any_moment_of_a_job(house: House, runner: FakeRunner, turn: int) -> None:
    """Between the grant and the results, at moments that the phases above do not name."""
    evaluator = start_evaluator(house)
    evaluator.wait_healthy()
    assert evaluator.evaluate("train", house.plan["baseline"]["commit"])[0] == 202
    time.sleep(0.04 * turn)
    evaluator.kill()
    with open_evaluator(house) as again:
        check_whole(house, again, 1)


@pytest.mark.parametrize("phase", ["has", "sample"])
@pytest.mark.parametrize("after", [0, 11])
def test_a_kill_while_the_session_is_finalised(
    house: House, runner: FakeRunner, phase: str, after: int
) -> None:
    """While the selection is scored again, and while the target is."""
    house.plan["selection"]["baseline_floor"] = True
    evaluator = start_evaluator(house)
    evaluator.wait_healthy()
    commit = house.commit(ADDING)
    evaluator.measure("validation", commit)
    seen = runner.count(phase) + (after if phase == "sample" else min(after, 1))
    limit = iter(range(10_000))
    hang = runner.hang_on

    def watch() -> None:
        while runner.count(phase) < seen and next(limit, None) is not None:
            time.sleep(0.001)
        hang(phase)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(1) as pool:
        finalising = pool.submit(evaluator.command, "finalize")
        watcher.join()
        time.sleep(0.1)
        evaluator.kill()
        hang(None)
        with open_evaluator(house) as again:
            result = finalising.result()
            assert result.returncode == 0, result.stderr
            document = again.ask("GET", "/finalization")[1]
    assert document["rewards"] == {"reward": 0.6}
    assert document["selection"]["chosen"]["basis"] == "baseline_floor"  # it is no better
    assert commit in document["selection"]["chosen"]["why"]
    assert document["export"]["problem"] is None


@pytest.mark.parametrize("phase", ["has", "put", "sample"])
def test_a_runner_that_dies_in_each_phase_and_comes_back(
    house: House, runner: FakeRunner, phase: str
) -> None:
    with open_evaluator(house) as evaluator:
        runner.hang_on(phase)
        evaluator.evaluate("train", house.plan["baseline"]["commit"])
        runner.wait_for(phase)
        runner.hang_on(None)
        runner.trees.clear()
        runner.drop()
        check_whole(house, evaluator, 1)


@needs_root
@pytest.mark.parametrize("moment", [0.0, 0.15, 0.4])
def test_a_real_runner_that_is_killed_and_comes_back(house: House, moment: float) -> None:
    with open_box() as box:
        house.plan["paths"]["runner_socket"] = box.plan["socket"]
        with open_evaluator(house) as evaluator:
            evaluator.evaluate("train", house.plan["baseline"]["commit"])
            time.sleep(moment)
            _restart(box)
            check_whole(house, evaluator, 1)


def _restart(box: Box) -> None:
    """Ends the daemon and its handlers as the end of its container does, and starts another."""
    handlers = box.handlers()
    for pid in (box.process.pid, *handlers):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    box.process.wait()
    box.process = start_daemon(box.root, box.plan)


@needs_root
def test_a_real_runner_that_hangs_is_no_score(house: House) -> None:
    """Stopped for good: the samples are lost, there is no number, and the price is given back."""
    house.plan["timeout"] = 4
    with open_box() as box:
        house.plan["paths"]["runner_socket"] = box.plan["socket"]
        with open_evaluator(house) as evaluator:
            os.kill(box.process.pid, signal.SIGSTOP)  # what it has begun to serve goes on
            try:
                evaluator.evaluate("train", house.plan["baseline"]["commit"])
                job = evaluator.wait("1")
            finally:
                os.kill(box.process.pid, signal.SIGCONT)
            assert (job["state"], job["result"]) == ("invalid", None)
            left = evaluator.ask("GET", "/status")[1]["splits"][0]["budget"]["runs"]["left"]
            assert left == 5
            assert not (house.results / "1").exists()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[int], None]]:
    """A file system of its own at `folder`; the function fills it but for some bytes, or with a
    negative number frees it again.
    """
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)

    def fill(but: int) -> None:
        filler = folder / "lost+found"
        filler.unlink(missing_ok=True)
        if but >= 0:
            status = os.statvfs(folder)
            filler.write_bytes(b"x" * max(0, status.f_bavail * status.f_frsize - but))

    try:
        yield fill
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@needs_root
def test_a_full_results_disk_gives_no_number_and_costs_nothing(
    house: House, runner: FakeRunner
) -> None:
    commit = house.plan["baseline"]["commit"]
    with small_disk(house.results, "256k") as fill, open_evaluator(house) as evaluator:
        fill(0)
        evaluator.evaluate("train", commit)
        job = evaluator.wait("1")
        assert (job["state"], job["result"]) == ("invalid", None)
        fill(-1)
        evaluator.evaluate("train", commit)
        assert evaluator.wait("2")["state"] == "done"
        assert len((house.results / "2" / "samples.jsonl").read_text().splitlines()) == 6
        assert not (house.results / "1").exists()
        assert evaluator.ask("GET", "/status")[1]["splits"][0]["budget"]["runs"]["left"] == 4


@needs_root
def test_a_full_admin_disk_grants_nothing_and_says_why(house: House, runner: FakeRunner) -> None:
    commit = house.plan["baseline"]["commit"]
    with small_disk(house.admin, "4m") as fill, open_evaluator(house) as evaluator:
        candidate = house.commit(ADDING)
        fill(0)
        wait_for(lambda: evaluator.ask("GET", "/health")[0] == 503)
        assert evaluator.ask("GET", "/health")[1]["problems"] == ["ledger"]
        assert evaluator.evaluate("train", commit)[0] == 503
        assert evaluator.send(candidate)[0] == 503
        assert "full" in evaluator.command("health").stderr
        fill(-1)
        wait_for(lambda: evaluator.ask("GET", "/health")[0] == 200)
        assert evaluator.measure("train", candidate)["state"] == "done"
        assert [job["id"] for job in evaluator.ask("GET", "/status")[1]["jobs"]] == ["1"]


@needs_root
def test_an_admin_disk_that_fills_while_a_job_runs_loses_nothing(
    house: House, runner: FakeRunner
) -> None:
    """What was measured is written down when there is room again."""
    with small_disk(house.admin, "4m") as fill, open_evaluator(house) as evaluator:
        runner.hang_on("sample")
        evaluator.evaluate("train", house.plan["baseline"]["commit"])
        runner.wait_for("sample")
        fill(0)
        runner.hang_on(None)
        runner.drop()
        time.sleep(1.5)
        asked = runner.count("sample")
        fill(-1)
        check_whole(house, evaluator, 1)
        assert asked <= runner.count("sample") <= 8


@needs_root
def test_an_admin_disk_without_room_for_the_archive_costs_no_reward(
    house: House, runner: FakeRunner
) -> None:
    with small_disk(house.admin, "4m") as fill, open_evaluator(house) as evaluator:
        house.results.mkdir(exist_ok=True)
        evaluator.measure("validation", house.commit(ADDING))
        folder = house.results / "1"
        (folder / "samples.jsonl").write_bytes(os.urandom(1 << 20))
        fill(300_000)
        assert evaluator.command("finalize").returncode == 0
        document = evaluator.ask("GET", "/finalization")[1]
        assert document["rewards"] == {"reward": 0.6}
        assert document["export"]["file"] is None
        assert "space" in document["export"]["problem"]
        assert not (house.admin / "export.new").exists()


JUMPY = """
import sys, time
real = time.time
jumps = [0, -1e9, 3e9, -1.7e9, 86400]
time.time = lambda: jumps[int(real() * 7) % len(jumps)] + real()
sys.path.insert(0, sys.argv.pop(1))
from compiler.runtime.evaluator.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_clock_that_jumps_decides_nothing(house: House, runner: FakeRunner) -> None:
    """A whole session under a clock that jumps by centuries, seven times a second."""
    document = _session_under(house, JUMPY)
    assert document["rewards"] == {"reward": 0.6}
    assert document["selection"]["chosen"]["basis"] == "auto_best"


def _session_under(house: House, program: str) -> Json:
    import sys

    root = str(Path(__file__).resolve().parents[3])
    (house.root / "plan.json").write_text(json.dumps(house.plan))
    command = [sys.executable, "-c", program, root, "serve"]
    with (house.root / "log").open("ab") as log:
        process = subprocess.Popen([*command, "--plan", str(house.root / "plan.json")], stderr=log)
    evaluator = Evaluator(house, process)
    try:
        evaluator.wait_healthy()
        commit = house.commit(ADDING)
        for split in ("train", "validation", "validation"):
            assert evaluator.measure(split, commit)["state"] == "done"
        assert evaluator.ask("GET", "/jobs/1?wait=1")[0] == 200
        assert evaluator.command("finalize").returncode == 0
        document = evaluator.ask("GET", "/finalization")[1]
        assert evaluator.stop() == 0
    finally:
        if process.poll() is None:
            evaluator.kill()
    return document
