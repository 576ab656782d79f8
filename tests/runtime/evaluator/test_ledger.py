"""The ledger: never overspent, never refilled, never quietly replaced."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from compiler.runtime.evaluator.budget import MOST_REFUNDS, Amount
from compiler.runtime.evaluator.ledger import MOST_STARTS, Ledger, open_ledger
from compiler.runtime.evaluator.ledger_file import FILE_NAME
from compiler.runtime.evaluator.outcomes import Scored, summarise
from compiler.runtime.evaluator.plan import Plan, decode_plan
from compiler.runtime.evaluator.records import (
    Job,
    LedgerUnusable,
    Order,
    Purpose,
    Received,
    Refused,
    State,
    Subset,
)

from .house import SAMPLES, budget, plan_of, short_folder

BASELINE, OTHER = "a" * 40, "c" * 40
SUMMARY = summarise([Scored(score=0.5)], 0.0)


def order(split: str, commit: str, *ids: str) -> Order:
    """An evaluation of a whole split, or of the samples with these ids."""
    whole = Subset(ids=None, size=SAMPLES[split])
    return Order(
        split=split, commit=commit, subset=Subset(ids=ids, size=len(ids)) if ids else whole
    )


def plan_in(folder: Path, **changes: Any) -> Plan:
    (folder / "admin").mkdir(exist_ok=True)
    return decode_plan({**plan_of(folder, BASELINE, "b" * 40), **changes})


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_in(tmp_path)


@pytest.fixture
def ledger(plan: Plan) -> Iterator[Ledger]:
    opened = open_ledger(plan)
    yield opened
    opened.close()


def reopened(plan: Plan, ledger: Ledger) -> Ledger:
    ledger.close()
    again = open_ledger(plan)
    again.recover()
    return again


def start(ledger: Ledger) -> Job:
    job = ledger.start_next()
    assert job is not None
    return job


def test_a_job_is_paid_before_it_starts_and_keeps_its_place(ledger: Ledger) -> None:
    ledger.register(OTHER, "d" * 40)
    first = ledger.reserve(order("train", OTHER))
    second = ledger.reserve(order("train", BASELINE))
    assert ledger.spent("train") == Amount(runs=2, samples=2 * SAMPLES["train"])
    assert (first.state, first.tree, first.subset.size) == (State.QUEUED, "d" * 40, 6)
    assert start(ledger).id == first.id
    assert start(ledger).id == second.id
    assert ledger.start_next() is None
    done = ledger.complete(first.id, SUMMARY)
    assert (done.state, done.summary) == (State.DONE, SUMMARY)
    with pytest.raises(ValueError, match="does not run"):
        ledger.invalidate(first.id, "again")
    assert ledger.job(99) is None


@pytest.mark.parametrize(("split", "runs"), [("train", 3), ("validation", 4)])
def test_spent_is_spent(ledger: Ledger, split: str, runs: int) -> None:
    for _ in range(runs):
        ledger.reserve(order(split, BASELINE))
    with pytest.raises(Refused) as caught:
        ledger.reserve(order(split, BASELINE))
    assert caught.value.code == "budget_spent"
    assert len(ledger.jobs(Purpose.REQUESTED)) == runs


def test_a_price_larger_than_the_budget_is_refused_whole(tmp_path: Path) -> None:
    budgets = [budget("train", samples=5)]
    ledger = open_ledger(plan_in(tmp_path, budgets=budgets))
    with pytest.raises(Refused):
        ledger.reserve(order("train", BASELINE))
    assert ledger.spent("train") == Amount(runs=0, samples=0)
    ledger.close()


def test_refunds_are_for_the_machinery_and_capped(tmp_path: Path) -> None:
    ledger = open_ledger(plan_in(tmp_path, budgets=[]))
    for _ in range(MOST_REFUNDS):
        ledger.reserve(order("train", BASELINE))
        ledger.invalidate(start(ledger).id, "machinery")
        assert ledger.spent("train").runs == 0
    ledger.reserve(order("train", BASELINE))
    ledger.invalidate(start(ledger).id, "machinery")
    assert ledger.spent("train").runs == 1
    ledger.reserve(order("train", BASELINE))
    ledger.cancel(start(ledger).id, "cancelled")
    assert ledger.spent("train").runs == 2
    ledger.close()


def test_unknown_commits_are_refused_and_known_ones_keep_their_order(ledger: Ledger) -> None:
    with pytest.raises(Refused) as caught:
        ledger.reserve(order("train", OTHER))
    assert caught.value.code == "unknown_commit"
    first = ledger.register(OTHER, "d" * 40)
    assert ledger.register("e" * 40, "d" * 40).order == 2
    assert ledger.register(OTHER, "d" * 40) == first
    assert ledger.received(BASELINE) == Received(commit=BASELINE, tree="b" * 40, order=0)
    assert [candidate.order for candidate in ledger.candidates()] == [0, 1, 2]


def test_the_seal_ends_everything_but_what_runs(ledger: Ledger) -> None:
    running, waiting = (
        ledger.reserve(order("train", BASELINE)),
        ledger.reserve(order("train", BASELINE)),
    )
    start(ledger)
    sealed = ledger.seal()
    assert ledger.seal() == sealed == ledger.sealed_at()
    states = [job.state for job in ledger.jobs(Purpose.REQUESTED)]
    assert states == [State.RUNNING, State.CANCELLED]
    refusals: list[Callable[[], object]] = [
        lambda: ledger.reserve(order("train", BASELINE)),
        lambda: ledger.register(OTHER, "d" * 40),
    ]
    for refused in refusals:
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.code == "sealed"
    assert ledger.spent("train").runs == 2
    assert ledger.complete(running.id, SUMMARY).state is State.DONE
    assert waiting.id == 2


def test_the_first_document_stands(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnusable):
        ledger.finish("{}")
    ledger.seal()
    assert ledger.document() is None
    assert ledger.finish("first") == "first"
    assert ledger.finish("second") == ledger.document() == "first"


def test_a_restart_loses_and_refills_nothing(plan: Plan, ledger: Ledger) -> None:
    ledger.reserve(order("train", BASELINE))
    ledger.reserve(order("train", BASELINE))
    first = start(ledger)
    ledger = reopened(plan, ledger)
    assert [job.state for job in ledger.jobs(Purpose.REQUESTED)] == [State.QUEUED] * 2
    again = start(ledger)
    assert (again.id, again.starts) == (first.id, 2)
    ledger = reopened(plan, ledger)
    assert start(ledger).id == 2
    ended = ledger.job(first.id)
    assert ended is not None
    assert (ended.state, ended.starts) == (State.INVALID, MOST_STARTS)
    assert ledger.spent("train").runs == 2
    ledger.close()


def test_a_restart_after_the_seal_cancels(plan: Plan, ledger: Ledger) -> None:
    ledger.reserve(order("train", BASELINE))
    start(ledger)
    ledger.seal()
    ledger.enter(Purpose.TARGET, "test", ledger.candidates()[0], Subset(ids=None, size=10))
    ledger = reopened(plan, ledger)
    for purpose in (Purpose.REQUESTED, Purpose.TARGET):
        assert [job.state for job in ledger.jobs(purpose)] == [State.CANCELLED]
    assert ledger.spent("train").runs == 1
    ledger.close()


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _scribble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = os.urandom(4096)
    path.write_bytes(bytes(data))


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _remove(path: Path) -> None:
    path.unlink()
    (path.parent / "candidates").mkdir()


def _text(path: Path) -> None:
    path.write_text("this was a ledger\n" * 1000)


def _other_database(path: Path) -> None:
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE other (x)").connection.close()


def _state(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE jobs SET state = 'refilled'")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("damage", [_truncate, _scribble, _empty, _remove, _text, _other_database])
def test_a_damaged_ledger_is_unusable(
    plan: Plan, ledger: Ledger, damage: Callable[[Path], None]
) -> None:
    ledger.reserve(order("train", BASELINE))
    ledger.close()
    damage(plan.paths.admin / FILE_NAME)
    with pytest.raises(LedgerUnusable):
        open_ledger(plan)


def test_nonsense_in_a_row_is_unusable(plan: Plan, ledger: Ledger) -> None:
    ledger.reserve(order("train", BASELINE))
    ledger.close()
    _state(plan.paths.admin / FILE_NAME)
    again = open_ledger(plan)
    with pytest.raises(LedgerUnusable, match="not what was written"):
        again.jobs(Purpose.REQUESTED)
    again.close()


def test_a_ledger_of_another_task_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(LedgerUnusable, match="another task"):
        open_ledger(plan_in(tmp_path, task="other/task"))


def test_a_second_evaluator_on_the_same_state_is_refused(plan: Plan, ledger: Ledger) -> None:
    ledger.reserve(order("train", BASELINE))
    with pytest.raises(LedgerUnusable, match="locked"):
        open_ledger(plan)


def test_a_half_made_ledger_is_made_again(plan: Plan) -> None:
    (plan.paths.admin / f"{FILE_NAME}.new").write_text("half")
    open_ledger(plan).close()
    assert sorted(path.name for path in plan.paths.admin.iterdir()) == [FILE_NAME]


def test_a_full_disk_grants_nothing(tmp_path: Path) -> None:
    """On a file system of 512 KiB: requests are granted or refused, and never half."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    with short_folder() as folder:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], check=True
        )
        try:
            ledger = open_ledger(plan_in(folder, budgets=[]))
            (folder / "filler").write_bytes(b"x" * (folder_room(folder) - 8192))
            granted = _reserve_until_unusable(ledger)
            (folder / "filler").unlink()
            assert ledger.spent("train").runs == granted
            ledger.probe()
            ledger.close()
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def folder_room(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _reserve_until_unusable(ledger: Ledger) -> int:
    for granted in range(10_000):
        try:
            ledger.reserve(order("train", BASELINE))
            ledger.complete(start(ledger).id, SUMMARY)
        except LedgerUnusable:
            return ledger.spent("train").runs if granted else 0
    raise AssertionError("the disk never filled")


def test_parallel_requests_never_overspend(tmp_path: Path) -> None:
    budgets = [budget("train", runs=17)]
    ledger = open_ledger(plan_in(tmp_path, budgets=budgets))
    granted: list[int] = []

    def ask() -> None:
        for _ in range(5):
            try:
                granted.append(ledger.reserve(order("train", BASELINE)).id)
            except Refused:
                continue

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(granted)) == len(granted) == 17
    assert ledger.spent("train").runs == 17
    ledger.close()


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.runtime.evaluator.test_ledger import BASELINE, open_ledger, order, plan_in
ledger = open_ledger(plan_in(Path(sys.argv[2]), budgets=[]))
while True:
    print(ledger.reserve(order("train", BASELINE)).id, flush=True)
    ledger.invalidate(ledger.start_next().id, "x") if ledger.spent("train").runs % 3 == 0 else None
"""


@pytest.mark.parametrize("jobs", [1, 4, 9])
def test_whatever_was_granted_survives_a_kill(tmp_path: Path, jobs: int) -> None:
    root = str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-c", KILLED, root, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(jobs)]
        process.kill()
        told += [int(line) for line in process.stdout if line.endswith("\n")]
    ledger = open_ledger(plan_in(tmp_path, budgets=[]))
    recorded = [job.id for job in ledger.jobs(Purpose.REQUESTED)]
    assert recorded[: len(told)] == told
    assert len(recorded) <= len(told) + 1
    ledger.close()


TOTALS = Amount(runs=7, samples=25)


class LedgerMachine(RuleBasedStateMachine):
    """Any order of requests, ends and restarts: 0 <= spent <= total, as a model counts it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = short_folder()
        budgets = [budget("train", runs=7, samples=25)]
        self.plan = plan_in(self.folder.__enter__(), budgets=budgets)
        self.ledger = open_ledger(self.plan)
        self.paid: set[int] = set()
        self.refunds = 0
        self.running: list[int] = []

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.__exit__(None, None, None)

    @rule()
    def reserve(self) -> None:
        sealed = self.ledger.sealed_at() is not None
        if not sealed and len(self.paid) < 4:
            self.paid.add(self.ledger.reserve(order("train", BASELINE)).id)
            return
        with pytest.raises(Refused) as caught:
            self.ledger.reserve(order("train", BASELINE))
        assert caught.value.code == ("sealed" if sealed else "budget_spent")

    @rule()
    def start(self) -> None:
        job = self.ledger.start_next()
        if job is not None:
            self.running.append(job.id)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), end=st.sampled_from(["complete", "invalidate", "cancel"]))
    def end(self, data: st.DataObject, end: str) -> None:
        job = data.draw(st.sampled_from(self.running))
        self.running.remove(job)
        if end == "complete":
            self.ledger.complete(job, SUMMARY)
        elif end == "cancel":
            self.ledger.cancel(job, "cancelled")
        else:
            self.ledger.invalidate(job, "machinery")
            if self.refunds < MOST_REFUNDS:
                self.refunds += 1
                self.paid.discard(job)

    @rule()
    def restart(self) -> None:
        """As after a crash: whatever was running is queued again."""
        self.ledger = reopened(self.plan, self.ledger)
        self.running = []

    @rule()
    def finalise(self) -> None:
        whole = Subset(ids=None, size=6)
        self.ledger.enter(Purpose.RESCORE, "train", self.ledger.candidates()[0], whole)

    @precondition(lambda self: len(self.paid) == 4)
    @rule()
    def seal(self) -> None:
        self.ledger.seal()

    @invariant()
    def spent_is_what_was_paid(self) -> None:
        spent = self.ledger.spent("train")
        assert spent == Amount(runs=len(self.paid), samples=6 * len(self.paid))
        assert 0 <= spent.runs <= (TOTALS.runs)
        assert 0 <= spent.samples <= (TOTALS.samples)


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
