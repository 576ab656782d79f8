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
from compiler.runtime.evaluator.outcomes import Lost, Outcome, Scored, summarise
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


def test_a_recorded_result_costs_nothing_and_is_the_same_samples(tmp_path: Path) -> None:
    ledger = open_ledger(plan_in(tmp_path, deterministic=True, budgets=[budget("train", runs=2)]))
    ledger.register(OTHER, "b" * 40)  # the baseline's tree under another commit
    first = ledger.reserve(order("train", BASELINE))
    both = ledger.reserve(order("train", BASELINE))  # there is no result yet: it is paid
    ledger.complete(start(ledger).id, SUMMARY)
    again = ledger.reserve(order("train", OTHER))
    assert (again.recorded, again.state, again.commit) == (first.id, State.RUNNING, OTHER)
    assert ledger.start_next() == ledger.job(both.id)
    with pytest.raises(Refused, match="budget"):
        ledger.reserve(order("train", BASELINE, "train-row-1"))
    assert ledger.spent("train") == Amount(runs=2, samples=12)
    ledger.close()


@pytest.mark.parametrize("lost", [0, 1])
def test_a_result_with_losses_is_not_repeated(tmp_path: Path, lost: int) -> None:
    ledger = open_ledger(plan_in(tmp_path, deterministic=True))
    outcomes: list[Outcome] = [*[Scored(score=0.5)] * 10, *[Lost(cause="x")] * lost]
    ledger.reserve(order("train", BASELINE))
    ledger.complete(start(ledger).id, summarise(outcomes, 0.0))
    assert (ledger.reserve(order("train", BASELINE)).recorded is None) is bool(lost)
    ledger.close()


def test_a_result_is_not_repeated_when_trees_answer_differently(ledger: Ledger) -> None:
    ledger.reserve(order("train", BASELINE))
    ledger.complete(start(ledger).id, SUMMARY)
    assert ledger.reserve(order("train", BASELINE)).recorded is None
    assert ledger.spent("train").runs == 2


def test_what_never_ran_is_paid_back_when_it_is_withdrawn(plan: Plan, ledger: Ledger) -> None:
    first = ledger.reserve(order("train", BASELINE))
    second = ledger.reserve(order("train", BASELINE))
    start(ledger)
    assert ledger.withdraw(first.id, "x").state is State.RUNNING
    assert ledger.withdraw(second.id, "x").state is State.CANCELLED
    assert ledger.spent("train").runs == 1
    ledger = reopened(plan, ledger)
    assert ledger.withdraw(first.id, "x").state is State.CANCELLED
    assert ledger.spent("train").runs == 1  # it had run before the restart
    for job, code in ((second.id, "job_ended"), (99, "unknown_job")):
        with pytest.raises(Refused) as caught:
            ledger.withdraw(job, "x")
        assert caught.value.code == code
    ledger.close()


def test_withdrawing_is_no_refund_of_the_machinery(tmp_path: Path) -> None:
    ledger = open_ledger(plan_in(tmp_path, budgets=[]))
    for _ in range(MOST_REFUNDS + 5):
        ledger.withdraw(ledger.reserve(order("train", BASELINE)).id, "x")
    ledger.reserve(order("train", BASELINE))
    ledger.invalidate(start(ledger).id, "machinery")
    assert ledger.spent("train").runs == 0
    ledger.close()


def test_the_last_submission_before_the_seal_counts(plan: Plan, ledger: Ledger) -> None:
    assert ledger.submission() is None
    with pytest.raises(Refused) as caught:
        ledger.submit(OTHER)
    assert caught.value.code == "unknown_commit"
    ledger.register(OTHER, "d" * 40)
    for commit in (OTHER, BASELINE, OTHER):
        assert ledger.submit(commit).commit == commit
    ledger = reopened(plan, ledger)
    found = ledger.submission()
    assert found is not None
    assert (found.commit, found.tree) == (OTHER, "d" * 40)
    ledger.seal()
    with pytest.raises(Refused) as caught:
        ledger.submit(BASELINE)
    assert caught.value.code == "sealed"
    assert ledger.submission() == found
    ledger.close()


def test_submissions_and_jobs_are_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.runtime.evaluator.ledger.MOST_SUBMISSIONS", 3)
    monkeypatch.setattr("compiler.runtime.evaluator.ledger.MOST_JOBS", 2)
    monkeypatch.setattr("compiler.runtime.evaluator.ledger.MOST_CANDIDATES", 1)
    ledger.register(OTHER, "d" * 40)
    with pytest.raises(Refused) as caught:
        ledger.register("9" * 40, "d" * 40)
    assert caught.value.code == "too_many_candidates"
    for commit in (OTHER, OTHER, OTHER, BASELINE, OTHER):
        ledger.submit(commit)
    with pytest.raises(Refused) as caught:
        ledger.submit(BASELINE)
    assert caught.value.code == "too_many_submissions"
    for _ in range(2):
        ledger.withdraw(ledger.reserve(order("train", BASELINE)).id, "x")
    with pytest.raises(Refused) as caught:
        ledger.reserve(order("train", BASELINE))
    assert caught.value.code == "too_many_jobs"


def test_listing_goes_backwards_in_pages(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.reserve(order("train", BASELINE))
    ledger.complete(start(ledger).id, SUMMARY)

    def ids(state: State | None, before: int, most: int) -> list[int]:
        return [job.id for job in ledger.recent(state, before, most)]

    assert ids(None, 100, 2) == [2, 3]
    assert ids(None, 2, 2) == [1]
    assert ids(State.DONE, 100, 9) == [1]
    assert ids(State.INVALID, 100, 9) == []


def test_a_copy_is_whole_and_finished(plan: Plan, ledger: Ledger, tmp_path: Path) -> None:
    ledger.reserve(order("train", BASELINE))
    ledger.seal()
    ledger.copy_to(tmp_path / "plain", None)
    ledger.copy_to(tmp_path / "finished", "{}")
    for name, document in (("plain", None), ("finished", "{}")):
        copy = sqlite3.connect(tmp_path / name)
        assert copy.execute("SELECT document FROM session").fetchone() == (document,)
        assert copy.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
        copy.close()
    assert ledger.document() is None


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
PARTS = [(), ("train-row-0",), ("train-row-1", "train-row-4")]


class LedgerMachine(RuleBasedStateMachine):
    """Any order of requests, withdrawals, ends and restarts: 0 <= spent <= total, as a model counts
    it, and nothing that was granted is forgotten.
    """

    deterministic = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = short_folder()
        budgets = [budget("train", runs=7, samples=25)]
        self.clock = 1e9
        self.plan = plan_in(
            self.folder.__enter__(), budgets=budgets, deterministic=self.deterministic
        )
        self.ledger = open_ledger(self.plan, lambda: self.clock)
        self.ledger.register(OTHER, "d" * 40)
        self.price: dict[int, int] = {}
        self.paid: set[int] = set()
        self.refunds = 0
        self.queued: list[int] = []
        self.running: list[int] = []
        self.started: set[int] = set()
        self.ends: dict[int, State] = {}
        self.results: set[tuple[str, tuple[str, ...]]] = set()
        self.what: dict[int, tuple[str, tuple[str, ...]]] = {}

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.__exit__(None, None, None)

    def spent(self) -> Amount:
        return Amount(runs=len(self.paid), samples=sum(self.price[job] for job in self.paid))

    @rule(commit=st.sampled_from([BASELINE, OTHER]), ids=st.sampled_from(PARTS))
    def reserve(self, commit: str, ids: tuple[str, ...]) -> None:
        size, spent = len(ids) or 6, self.spent()
        dear = spent.runs + 1 > TOTALS.runs or spent.samples + size > TOTALS.samples
        known = self.deterministic and (commit, ids) in self.results
        sealed = self.ledger.sealed_at() is not None
        if sealed or (dear and not known):
            with pytest.raises(Refused) as caught:
                self.ledger.reserve(order("train", commit, *ids))
            assert caught.value.code == ("sealed" if sealed else "budget_spent")
            return
        job = self.ledger.reserve(order("train", commit, *ids))
        assert (job.recorded is not None) is known
        self.price[job.id], self.what[job.id] = size, (commit, ids)
        if known:
            self.ledger.complete(job.id, SUMMARY)
            self.ends[job.id] = State.DONE
        else:
            self.paid.add(job.id)
            self.queued.append(job.id)

    @rule()
    def start(self) -> None:
        job = self.ledger.start_next()
        for job_ in self.ledger.jobs(Purpose.REQUESTED):
            if job_.id in self.queued and job_.state is State.INVALID:  # started too often
                self.queued.remove(job_.id)
                self.ends[job_.id] = State.INVALID
        assert (job.id if job else None) == (self.queued[0] if self.queued else None)
        if job is not None:
            self.running.append(self.queued.pop(0))
            self.started.add(job.id)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), end=st.sampled_from(["complete", "invalidate", "cancel"]))
    def end(self, data: st.DataObject, end: str) -> None:
        job = data.draw(st.sampled_from(self.running))
        self.running.remove(job)
        if end == "complete":
            self.ends[job] = self.ledger.complete(job, SUMMARY).state
            self.results.add(self.what[job])
        elif end == "cancel":
            self.ends[job] = self.ledger.cancel(job, "cancelled").state
        else:
            self.ends[job] = self.ledger.invalidate(job, "machinery").state
            if self.refunds < MOST_REFUNDS:
                self.refunds += 1
                self.paid.discard(job)

    @precondition(lambda self: self.price)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.price)))
        if self.ledger.sealed_at() is not None or job in self.ends:
            with pytest.raises(Refused):
                self.ledger.withdraw(job, "withdrawn")
            return
        found = self.ledger.withdraw(job, "withdrawn")
        if job in self.running:
            assert found.state is State.RUNNING
            return
        self.queued.remove(job)
        self.ends[job] = State.CANCELLED
        if job not in self.started:
            self.paid.discard(job)

    @rule()
    def restart(self) -> None:
        """As after a crash: whatever was running is queued again, before what came later."""
        self.ledger.close()
        self.ledger = open_ledger(self.plan, lambda: self.clock)
        self.ledger.recover()
        if self.ledger.sealed_at() is None:
            self.queued = sorted(self.queued + self.running)
        else:
            self.ends.update(dict.fromkeys(self.queued + self.running, State.CANCELLED))
            self.queued = []
        self.running = []

    @rule()
    def finalise(self) -> None:
        whole = Subset(ids=None, size=6)
        self.ledger.enter(Purpose.RESCORE, "train", self.ledger.candidates()[0], whole)

    @rule(jump=st.sampled_from([-1e9, -1.0, 0.0, 3600.0, 1e12]))
    def the_clock_jumps(self, jump: float) -> None:
        self.clock += jump

    @precondition(lambda self: len(self.price) > 8)
    @rule()
    def seal(self) -> None:
        self.ledger.seal()
        self.ends.update(dict.fromkeys(self.queued, State.CANCELLED))
        self.queued = []

    @invariant()
    def spent_is_what_was_paid(self) -> None:
        spent = self.ledger.spent("train")
        assert spent == self.spent()
        assert 0 <= spent.runs <= TOTALS.runs
        assert 0 <= spent.samples <= TOTALS.samples

    @invariant()
    def nothing_is_forgotten(self) -> None:
        states = {job.id: job.state for job in self.ledger.jobs(Purpose.REQUESTED)}
        expected = {
            **dict.fromkeys(self.queued, State.QUEUED),
            **dict.fromkeys(self.running, State.RUNNING),
            **self.ends,
        }
        assert states == expected


class DeterministicMachine(LedgerMachine):
    deterministic = True


for machine in (LedgerMachine, DeterministicMachine):
    machine.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
TestDeterministicMachine = DeterministicMachine.TestCase
