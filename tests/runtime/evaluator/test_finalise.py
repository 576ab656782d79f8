"""The queue and finalising over a real ledger and a scripted backend."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.runtime.evaluator import finalise as module
from compiler.runtime.evaluator.dataset import Sample, read_samples
from compiler.runtime.evaluator.engine import Engine
from compiler.runtime.evaluator.export import COMPLETE
from compiler.runtime.evaluator.finalise import Finaliser, finalise_seconds
from compiler.runtime.evaluator.finalization import FILE_NAME
from compiler.runtime.evaluator.ledger import Ledger, open_ledger
from compiler.runtime.evaluator.offload import Lane
from compiler.runtime.evaluator.outcomes import Outcome
from compiler.runtime.evaluator.plan import PlanA
from compiler.runtime.evaluator.records import (
    Job,
    LedgerUnusable,
    Order,
    Purpose,
    Refused,
    State,
    Subset,
)
from compiler.runtime.evaluator.results import Results

from .fakes import FAILING, FakeBackend
from .house import SAMPLES, decode_plan_a, plan_of, rows

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "schemas/runtime/finalization.schema.json").read_text())
BASE, BASE_TREE = "a" * 40, "b" * 40
Table = dict[str, list[float | None]]
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_PAUSE", 0.0)
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.5)
    monkeypatch.setattr("compiler.runtime.evaluator.engine.GRID_SECONDS", 0.001)


def selection(**changes: Any) -> Json:
    base = {"split": "validation", "mode": "auto_best", "rescore_top_k": 3, "baseline_floor": False}
    return {**base, **changes}


def target(split: str, key: str, *ids: str) -> Json:
    return {"split": split, "reward_key": key, "sample_ids": list(ids) or None}


def make_plan(folder: Path, **changes: Any) -> PlanA:
    for name in ("admin", "data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for split in SAMPLES:
        lines = "".join(json.dumps(row) + "\n" for row in rows(split))
        (folder / "data" / f"{split}.jsonl").write_text(lines)
    return decode_plan_a({**plan_of(folder, BASE, BASE_TREE), "budgets": [], **changes})


class Session:
    """Engine, ledger and finaliser over a backend, as the service puts them together."""

    def __init__(self, plan: PlanA, backend: FakeBackend) -> None:
        self.plan = plan
        self.backend = backend
        self.books, self.disk = Lane("ledger", 1), Lane("disk", 1)
        self.ledger: Ledger = open_ledger(plan)
        self.ledger.recover()
        self.results = Results(plan.paths.results)
        self.results.open()
        samples = read_samples(plan)
        self.engine = Engine(
            plan, backend, samples, self.ledger, self.results, self.books, self.disk
        )
        self.exported: list[str] = []
        self.finaliser = Finaliser(
            plan, self.engine, self.ledger, self.books, samples, self._export
        )

    async def _export(self, document: str) -> Mapping[str, str | None]:
        self.exported.append(document)
        return COMPLETE

    def receive(self, *names: str) -> None:
        """A name's commit and tree are its letter and its digit or letter, forty times."""
        for name in names:
            self.ledger.register(name[0] * 40, name[-1] * 40)

    async def order(self, split: str, commit: str, *ids: str) -> Job:
        subset = Subset(ids=ids or None, size=len(ids) or SAMPLES[split])
        return await self.engine.submit(Order(split=split, commit=commit, subset=subset))

    async def evaluate(self, split: str, commit: str, *ids: str) -> Job:
        job = await self.order(split, commit * 40, *ids)
        return await self.ended(job.id)

    async def ended(self, identifier: int) -> Job:
        while True:
            job = self.ledger.job(identifier)
            assert job is not None
            if job.state not in (State.QUEUED, State.RUNNING):
                return job
            await asyncio.sleep(0.005)

    async def finalise(self) -> Json:
        document: Json = json.loads(await self.finaliser.finalise())
        jsonschema.validate(document, SCHEMA)
        return document

    async def close(self) -> None:
        await self.finaliser.stop()
        await self.engine.stop()
        for lane in (self.books, self.disk):
            await asyncio.to_thread(lane.close)
        self.ledger.close()


def run(plan: PlanA, table: Table, act: Callable[[Session], Awaitable[Any]]) -> Any:
    """What `act` gives, on a started session that is closed afterwards."""

    async def main() -> Any:
        session = Session(plan, FakeBackend(table))
        session.engine.start()
        try:
            return await act(session)
        finally:
            await session.close()

    return asyncio.run(main())


def play(plan: PlanA, table: Table, commits: Sequence[str]) -> Json:
    """Receives commits, evaluates each on the selection split, finalises."""

    async def act(session: Session) -> Json:
        session.receive(*commits)
        for commit in commits:
            await session.evaluate("validation", commit[0])
        document = await session.finalise()
        document["seen"] = session.backend.seen
        return document

    document: Json = run(plan, table, act)
    return document


def test_the_better_candidate_is_chosen_and_scored(tmp_path: Path) -> None:
    document = play(make_plan(tmp_path), {"1" * 40: [0.25], "2" * 40: [0.5]}, ["c1", "d2"])
    assert document["selection"]["chosen"]["commit"] == "d" * 40
    assert document["rewards"] == {"reward": 0.5}
    assert [c["rescored"] for c in document["selection"]["candidates"]] == [0.5, 0.25, None]
    assert [c["jobs"] for c in document["selection"]["candidates"]] == [["2"], ["1"], []]
    assert document["problem"] is None
    assert (document["targets"][0]["samples"], document["targets"][0]["lost"]) == (10, 0)


def test_scoring_again_changes_the_winner(tmp_path: Path) -> None:
    table: Table = {"1" * 40: [0.9, 0.1, 0.2], "2" * 40: [0.5, 0.5, 0.6]}
    document = play(make_plan(tmp_path), table, ["c1", "d2"])
    assert document["selection"]["chosen"]["commit"] == "d" * 40
    assert document["selection"]["candidates"][0]["score"] == 0.9
    assert document["selection"]["candidates"][0]["rescored"] == 0.1
    assert document["rewards"] == {"reward": 0.6}


def test_ties_go_to_the_tree_received_earlier(tmp_path: Path) -> None:
    document = play(make_plan(tmp_path), {"1" * 40: [0.5], "2" * 40: [0.5]}, ["d2", "c1", "e2"])
    chosen = document["selection"]["chosen"]
    assert (chosen["commit"], chosen["tree"]) == ("d" * 40, "2" * 40)
    assert "earliest" in chosen["why"]
    assert [c["score"] for c in document["selection"]["candidates"]] == [0.5, 0.5, None]


def test_the_shortlist_has_the_best_distinct_trees(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, selection=selection(rescore_top_k=2))
    table: Table = {str(n) * 40: [n / 10] for n in range(1, 6)}
    document = play(plan, table, ["c1", "d2", "e3", "f4", "75", "85"])
    assert [c["rescored"] for c in document["selection"]["candidates"]] == [0.5, 0.4] + [None] * 4
    assert document["selection"]["chosen"]["commit"] == "7" * 40
    assert document["seen"][6:] == [("5" * 40, 10), ("4" * 40, 10), ("5" * 40, 10)]


def test_without_candidates_the_baseline_stands(tmp_path: Path) -> None:
    document = play(make_plan(tmp_path), {BASE_TREE: [0.125]}, [])
    assert [c["jobs"] for c in document["selection"]["candidates"]] == [[]]
    assert document["selection"]["chosen"]["commit"] == BASE
    assert "no candidate" in document["selection"]["chosen"]["why"]
    assert document["rewards"] == {"reward": 0.125}


def test_evaluations_elsewhere_and_invalid_ones_do_not_select(tmp_path: Path) -> None:
    async def act(session: Session) -> Json:
        session.receive("c1", "d2")
        done = await session.evaluate("train", "c")
        invalid = await session.evaluate("validation", "d")
        assert (done.state, invalid.state) == (State.DONE, State.INVALID)
        assert session.ledger.spent("validation").runs == 0
        return await session.finalise()

    table: Table = {"1" * 40: [1.0], "2" * 40: [None], BASE_TREE: [0.5]}
    document = run(make_plan(tmp_path), table, act)
    assert document["selection"]["chosen"]["commit"] == BASE


def test_failures_of_the_candidate_count_and_are_a_reward(tmp_path: Path) -> None:
    document = play(make_plan(tmp_path), {"1" * 40: [FAILING]}, ["c1"])
    assert document["rewards"] == {"reward": 0.0}
    assert document["targets"][0]["failed"] == 10


def test_a_target_that_stays_invalid_gives_no_rewards(tmp_path: Path) -> None:
    targets = [target("test", "a"), target("secret", "b")]
    plan = make_plan(tmp_path, targets=targets)
    document = play(plan, {"1" * 40: [0.5, 0.5, 0.5, None]}, ["c1"])
    assert document["rewards"] is None
    assert document["problem"] == "no score for b: the machinery failed while this split was scored"
    assert [target["score"] for target in document["targets"]] == [0.5, None]
    assert [target["lost"] for target in document["targets"]] == [0, 4]
    assert len(document["seen"]) == 1 + 1 + 1 + 3


def test_a_target_that_fails_once_is_tried_again(tmp_path: Path) -> None:
    document = play(make_plan(tmp_path), {"1" * 40: [0.5, 0.5, None, None, 0.75]}, ["c1"])
    assert document["rewards"] == {"reward": 0.75}


def test_retries_are_bounded_over_the_whole(tmp_path: Path) -> None:
    table: Table = {"1" * 40: [0.9, None], "2" * 40: [0.5, None]}
    document = play(make_plan(tmp_path), table, ["c1", "d2"])
    assert len(document["seen"]) == 2 + 3 + 1 + 1
    assert "its recorded score stands" in document["selection"]["chosen"]["why"]
    assert document["selection"]["chosen"]["commit"] == "c" * 40
    assert document["rewards"] is None


def test_targets_on_one_split_are_scored_once(tmp_path: Path) -> None:
    targets = [target("test", "a"), target("test", "b")]
    document = play(make_plan(tmp_path, targets=targets), {BASE_TREE: [0.25, 0.75]}, [])
    assert document["rewards"] == {"a": 0.25, "b": 0.25}


def test_twice_gives_the_same_and_so_does_a_restart(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)

    async def act(session: Session) -> list[str]:
        first = await asyncio.gather(*(session.finaliser.finalise() for _ in range(5)))
        return [*first, await session.finaliser.finalise()]

    texts = run(plan, {BASE_TREE: [0.5]}, act)
    (plan.paths.admin / FILE_NAME).unlink()
    texts += run(plan, {BASE_TREE: [0.75]}, act)
    assert len(set(texts)) == 1
    assert (plan.paths.admin / FILE_NAME).read_text() == texts[0]


@pytest.mark.parametrize("finished", range(6))
def test_a_crash_in_the_middle_resumes(tmp_path: Path, finished: int) -> None:
    """Ends the session after each number of finished scorings; only the rest is done again."""
    plan = make_plan(tmp_path)

    async def prepare(session: Session) -> None:
        session.receive("c1", "d2", "e3")
        for commit in "cde":
            await session.evaluate("validation", commit)

    async def crash(session: Session) -> None:
        backend = session.backend
        finalising = asyncio.create_task(session.finaliser.finalise())
        while len(backend.seen) < finished and not finalising.done():
            await asyncio.sleep(0)
        backend.gate.clear()
        await asyncio.sleep(0.05)
        finalising.cancel()

    table: Table = {"1" * 40: [0.25], "2" * 40: [0.75], "3" * 40: [0.5]}
    run(plan, table, prepare)
    run(plan, table, crash)
    document = run(plan, table, Session.finalise)
    assert document["rewards"] == {"reward": 0.75}
    assert [c["rescored"] for c in document["selection"]["candidates"]] == [0.75, 0.5, 0.25, None]


def test_the_seal_cancels_what_waits_and_drains_the_selection_split(tmp_path: Path) -> None:
    async def act(session: Session) -> Json:
        session.receive("c1", "d2")
        session.backend.gate.clear()
        running = await session.order("validation", "c" * 40)
        waiting = await session.order("validation", "d" * 40)
        await session.backend.started.wait()
        finalising = asyncio.create_task(session.finalise())
        await asyncio.sleep(0.1)
        with pytest.raises(Refused, match="over"):
            await session.order("train", "c" * 40)
        session.backend.gate.set()
        document = await finalising
        assert (await session.ended(running.id)).state is State.DONE
        assert (await session.ended(waiting.id)).state is State.CANCELLED
        assert session.ledger.spent("validation").runs == 2
        return document

    table: Table = {"1" * 40: [0.5], "2" * 40: [1.0]}
    document = run(make_plan(tmp_path), table, act)
    assert document["selection"]["chosen"]["commit"] == "c" * 40


@pytest.mark.parametrize(("split", "most"), [("train", 0.4), ("validation", 2.0)])
def test_draining_is_bounded(tmp_path: Path, split: str, most: float) -> None:
    async def act(session: Session) -> Json:
        session.receive("c1")
        session.backend.gate.clear()
        job = await session.order(split, "c" * 40)
        await session.backend.started.wait()
        finalising = asyncio.create_task(session.finalise())
        async with asyncio.timeout(most):
            while session.backend.cancelled == 0:
                await asyncio.sleep(0.01)
        session.backend.gate.set()
        document = await finalising
        ended = await session.ended(job.id)
        assert (ended.state, ended.summary) == (State.CANCELLED, None)
        assert session.ledger.spent(split).runs == 1
        return document

    document = run(make_plan(tmp_path), {BASE_TREE: [0.5]}, act)
    assert document["rewards"] == {"reward": 0.5}


def test_finalising_discloses_nothing(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    play(plan, {"1" * 40: [0.5]}, ["c1"])
    assert sorted(path.name for path in plan.paths.results.iterdir()) == [".staging", "1"]


def test_one_at_a_time_in_the_order_of_arrival(tmp_path: Path) -> None:
    async def act(session: Session) -> list[tuple[str, int]]:
        session.receive("c1", "d2", "e3")
        session.backend.gate.clear()
        jobs = [await session.order("train", c * 40) for c in "edc"]
        await asyncio.sleep(0.05)
        assert len(session.backend.seen) == 1
        session.backend.gate.set()
        for job in jobs:
            assert (await session.ended(job.id)).state is State.DONE
        return session.backend.seen

    table: Table = {"1" * 40: [0.1], "2" * 40: [0.2], "3" * 40: [0.3]}
    seen = run(make_plan(tmp_path), table, act)
    assert seen == [("3" * 40, 6), ("2" * 40, 6), ("1" * 40, 6)]


class Broken(FakeBackend):
    async def evaluate(self, tree: str, samples: Sequence[Sample]) -> tuple[Outcome, ...]:
        raise RuntimeError("a bug of ours")


def test_a_bug_is_never_a_score(tmp_path: Path) -> None:
    async def main() -> Job:
        session = Session(make_plan(tmp_path), Broken({}))
        session.engine.start()
        try:
            return await session.evaluate("train", "a")
        finally:
            assert session.ledger.spent("train").runs == 0
            await session.close()

    job = asyncio.run(main())
    assert (job.state, job.summary) == (State.INVALID, None)


def test_results_that_cannot_be_written_give_the_price_back(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)

    async def act(session: Session) -> Job:
        staging = plan.paths.results / ".staging"
        staging.rmdir()
        staging.write_text("in the way")
        job = await session.evaluate("train", "a")
        assert session.ledger.spent("train").runs == 0
        return job

    job = run(plan, {BASE_TREE: [0.5]}, act)
    assert job.state is State.INVALID
    assert [path.name for path in plan.paths.results.iterdir()] == [".staging"]


def test_a_restart_runs_again_what_was_cut_off(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)

    async def cut(session: Session) -> None:
        session.backend.gate.clear()
        await session.order("train", BASE)
        await session.order("train", BASE)
        await session.backend.started.wait()

    async def resume(session: Session) -> list[State]:
        return [(await session.ended(number)).state for number in (1, 2)]

    run(plan, {}, cut)
    assert run(plan, {BASE_TREE: [0.5]}, resume) == [State.DONE, State.DONE]
    ledger = open_ledger(plan)
    assert ledger.spent("train").runs == 2
    assert ledger.jobs(Purpose.RESCORE) == ()
    ledger.close()


def test_the_bound_covers_every_step(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, timeout=100)
    assert finalise_seconds(plan) == 0.5 + (3 + 1 + 2) * (100 + 60) + 60
    targets = [
        target("test", "a"),
        target("test", "b"),
        target("test", "c", "test-row-1"),
        target("secret", "d"),
    ]
    changes: Json = {"targets": targets, "score_baseline": True, "timeout": 100}
    plan = make_plan(tmp_path, selection=selection(baseline_floor=True), **changes)
    assert finalise_seconds(plan) == 0.5 + (3 + 3 + 1 + 3 + 2) * (100 + 60) + 60


def test_several_evaluations_of_a_tree_are_pooled(tmp_path: Path) -> None:
    """The luckier of two measurements does not win by its luck."""
    table: Table = {"1" * 40: [0.9, 0.1, 0.3], "2" * 40: [0.6, 0.6, 0.6]}
    document = play(make_plan(tmp_path), table, ["c1", "d2", "e1"])
    first, second, _ = document["selection"]["candidates"]
    assert (first["commit"], first["score"], first["jobs"]) == ("d" * 40, 0.6, ["2"])
    assert (second["commit"], second["score"], second["jobs"]) == ("c" * 40, 0.5, ["1", "3"])
    assert (second["samples"], second["scored"]) == (20, 20)
    assert document["selection"]["chosen"]["commit"] == "d" * 40


def test_a_part_of_the_split_does_not_compete(tmp_path: Path) -> None:
    async def act(session: Session) -> Json:
        session.receive("c1", "d2")
        await session.evaluate("train", "c", "train-row-1")
        await session.evaluate("train", "d")
        return await session.finalise()

    plan = make_plan(tmp_path, selection=selection(split="train"))
    document = run(plan, {"1" * 40: [1.0], "2" * 40: [0.5]}, act)
    assert document["selection"]["chosen"]["commit"] == "d" * 40


def submitting(*commits: str) -> Callable[[Session], Awaitable[Json]]:
    """Evaluates c1 and d2, submits some commits, and finalises."""

    async def act(session: Session) -> Json:
        session.receive("c1", "d2", "e3")
        for commit in "cd":
            await session.evaluate("validation", commit)
        for commit in commits:
            session.ledger.submit(commit * 40)
        return await session.finalise()

    return act


SUBMIT = selection(mode="submit")


@pytest.mark.parametrize(
    ("commits", "chosen", "basis", "seen"),
    [
        ("c", "c", "submitted", 2 + 1),
        ("dc", "c", "submitted", 2 + 1),
        ("ce", "e", "submitted", 2 + 1),
        ("", "d", "auto_best", 2 + 2 + 1),
    ],
)
def test_the_submitted_commit_is_judged(
    tmp_path: Path, commits: str, chosen: str, basis: str, seen: int
) -> None:
    table: Table = {"1" * 40: [0.25], "2" * 40: [0.75], "3" * 40: [0.125]}

    async def act(session: Session) -> Json:
        document = await submitting(*commits)(session)
        assert len(session.backend.seen) == seen
        return document

    document = run(make_plan(tmp_path, selection=SUBMIT), table, act)
    assert document["selection"]["chosen"]["commit"] == chosen * 40
    assert document["selection"]["chosen"]["basis"] == basis
    submitted = document["selection"]["submitted"]
    assert (submitted and submitted["commit"]) == (chosen * 40 if commits else None)
    if not commits:
        assert document["selection"]["chosen"]["why"].startswith("nothing was submitted; ")


def test_nothing_submitted_and_nothing_evaluated_is_the_baseline(tmp_path: Path) -> None:
    document = play(make_plan(tmp_path, selection=SUBMIT), {BASE_TREE: [0.25]}, [])
    assert document["selection"]["chosen"]["basis"] == "baseline"
    assert document["rewards"] == {"reward": 0.25}


def test_a_submission_where_the_best_is_chosen_decides_nothing(tmp_path: Path) -> None:
    table: Table = {"1" * 40: [0.25], "2" * 40: [0.75]}
    document = run(make_plan(tmp_path), table, submitting("c"))
    assert document["selection"]["chosen"]["commit"] == "d" * 40
    assert document["selection"]["submitted"]["commit"] == "c" * 40


@pytest.mark.parametrize("mode", ["auto_best", "submit"])
@pytest.mark.parametrize(
    ("baseline", "chosen", "reward"), [(0.7, "d", 0.75), (0.75, "a", 0.75), (0.8, "a", 0.8)]
)
def test_the_floor(tmp_path: Path, mode: str, baseline: float, chosen: str, reward: float) -> None:
    plan = make_plan(tmp_path, selection=selection(mode=mode, baseline_floor=True))
    table: Table = {"1" * 40: [0.25], "2" * 40: [0.75], BASE_TREE: [baseline]}
    document = run(plan, table, submitting("d"))
    assert document["selection"]["chosen"]["commit"] == chosen * 40
    assert document["selection"]["floor"] == baseline
    assert document["rewards"] == {"reward": reward}
    assert (document["selection"]["chosen"]["basis"] == "baseline_floor") is (chosen == "a")


def test_a_floor_that_the_machinery_hides_gives_no_rewards(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, selection=selection(baseline_floor=True))
    document = play(plan, {"1" * 40: [0.5], BASE_TREE: [None]}, ["c1"])
    assert document["rewards"] is None
    assert "floor" in document["problem"]
    assert document["targets"] == []


def test_a_floor_that_was_recorded_stands_when_it_cannot_be_scored_again(tmp_path: Path) -> None:
    async def act(session: Session) -> Json:
        session.receive("c1")
        await session.evaluate("validation", "c")
        await session.evaluate("validation", "a")
        return await session.finalise()

    plan = make_plan(tmp_path, selection=selection(baseline_floor=True))
    document = run(plan, {"1" * 40: [0.5], BASE_TREE: [0.25, None]}, act)
    assert document["selection"]["floor"] == 0.25
    assert document["rewards"] == {"reward": 0.5}


def test_the_baseline_is_scored_on_the_targets_too(tmp_path: Path) -> None:
    targets = [target("test", "a"), target("secret", "b")]
    plan = make_plan(tmp_path, targets=targets, score_baseline=True)
    document = play(plan, {"1" * 40: [0.5], BASE_TREE: [0.125, 0.25]}, ["c1"])
    assert document["rewards"] == {"a": 0.5, "b": 0.5}
    assert document["baseline"] == {"a": 0.125, "b": 0.25}


def test_a_baseline_that_cannot_be_scored_takes_no_rewards_away(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, score_baseline=True)
    document = play(plan, {"1" * 40: [0.5], BASE_TREE: [None]}, ["c1"])
    assert (document["rewards"], document["baseline"]) == ({"reward": 0.5}, {"reward": None})
    assert document["problem"] is None


def test_a_target_counts_the_samples_that_it_names(tmp_path: Path) -> None:
    targets = [
        target("test", "few", "test-row-3", "test-row-1"),
        target("test", "same", "test-row-1", "test-row-3"),
        target("test", "all"),
    ]
    document = play(make_plan(tmp_path, targets=targets), {BASE_TREE: [0.5, 0.75]}, [])
    assert document["rewards"] == {"few": 0.5, "same": 0.5, "all": 0.75}
    assert [target["samples"] for target in document["targets"]] == [2, 2, 10]
    assert document["seen"] == [(BASE_TREE, 2), (BASE_TREE, 10)]


def test_a_score_of_nothing_but_failures_is_called_a_floor(tmp_path: Path) -> None:
    document = play(make_plan(tmp_path), {"1" * 40: [FAILING]}, ["c1"])
    (found,) = document["targets"]
    assert (found["basis"], found["cause"], found["failed"]) == ("floor", "failed", 10)
    document = play(make_plan(tmp_path / "other"), {"1" * 40: [0.5]}, ["c1"])
    (found,) = document["targets"]
    assert (found["basis"], found["cause"]) == ("measured", None)


def test_an_export_that_fails_is_said_and_nothing_more(tmp_path: Path) -> None:
    async def act(session: Session) -> Json:
        async def export(document: str) -> Mapping[str, str | None]:
            assert json.loads(document)["export"] == COMPLETE
            return {"file": None, "problem": "OSError: No space left on device"}

        session.finaliser._export = export
        return await session.finalise()

    document = run(make_plan(tmp_path), {BASE_TREE: [0.5]}, act)
    assert document["export"] == {"file": None, "problem": "OSError: No space left on device"}
    assert document["rewards"] == {"reward": 0.5}


def test_what_is_exported_is_the_document_that_stands(tmp_path: Path) -> None:
    async def act(session: Session) -> None:
        document = await session.finaliser.finalise()
        assert session.exported == [document]
        assert json.loads(document)["export"] == {"file": "export/session.tar", "problem": None}

    run(make_plan(tmp_path), {BASE_TREE: [0.5]}, act)


def test_a_deterministic_session_answers_again_without_running(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, deterministic=True)

    async def act(session: Session) -> None:
        session.receive("c1", "d1")
        first = await session.evaluate("train", "c")
        again = await session.order("train", "d" * 40)
        assert (again.state, again.recorded) == (State.DONE, first.id)
        assert again.summary == first.summary
        shown = json.loads((plan.paths.results / "2" / "result.json").read_text())
        assert (shown["id"], shown["commit"], shown["recorded"]) == ("2", "d" * 40, True)
        names = [(plan.paths.results / job / "samples.jsonl").read_bytes() for job in "12"]
        assert names[0] == names[1]
        part = await session.evaluate("train", "d", "train-row-1")
        assert part.recorded is None
        assert len(session.backend.seen) == 2
        assert session.ledger.spent("train").samples == 7

    run(plan, {"1" * 40: [0.5]}, act)


def test_a_recorded_job_that_a_crash_cut_off_is_repeated_after_the_restart(
    tmp_path: Path,
) -> None:
    plan = make_plan(tmp_path, deterministic=True)

    async def first(session: Session) -> None:
        await session.evaluate("train", "a")
        session.ledger.reserve(Order(split="train", commit=BASE, subset=Subset(ids=None, size=6)))

    async def second(session: Session) -> Job:
        job = await session.ended(2)
        while not (plan.paths.results / "2" / "samples.jsonl").exists():
            await asyncio.sleep(0.005)
        assert session.backend.seen == []
        return job

    run(plan, {BASE_TREE: [0.5]}, first)
    job = run(plan, {}, second)
    assert (job.state, job.recorded) == (State.DONE, 1)


def test_cancelling_what_waits_and_what_runs(tmp_path: Path) -> None:
    async def act(session: Session) -> None:
        session.backend.gate.clear()
        running = await session.order("train", BASE)
        waiting = await session.order("train", BASE)
        await session.backend.started.wait()
        assert (await session.engine.cancel(waiting.id)).state is State.CANCELLED
        assert session.ledger.spent("train").runs == 1
        ended = await session.engine.cancel(running.id)
        assert (ended.state, ended.problem) == (State.CANCELLED, "cancelled by request")
        assert session.ledger.spent("train").runs == 1
        assert session.backend.cancelled == 1
        for number in (running.id, waiting.id):
            with pytest.raises(Refused, match="ended"):
                await session.engine.cancel(number)
        session.backend.gate.set()
        assert (await session.evaluate("train", "a")).state is State.DONE

    run(make_plan(tmp_path), {BASE_TREE: [0.5]}, act)


def test_cancelling_what_is_being_written_down_leaves_it_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Results.stage

    def slow(self: Results, *how: Any) -> None:
        time.sleep(0.3)
        stage(self, *how)

    monkeypatch.setattr(Results, "stage", slow)

    async def act(session: Session) -> None:
        job = await session.order("train", BASE)
        await session.backend.started.wait()
        await asyncio.sleep(0.1)
        assert (await session.engine.cancel(job.id)).state is State.DONE
        assert (session.plan.paths.results / "1" / "result.json").exists()

    run(make_plan(tmp_path), {BASE_TREE: [0.5]}, act)


def test_what_was_measured_waits_for_a_ledger_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compiler.runtime.evaluator.engine.LEDGER_PAUSE", 0.01)
    complete, failures = Ledger.complete, iter(range(3))

    def full(self: Ledger, *how: Any) -> Job:
        if next(failures, None) is not None:
            raise LedgerUnusable("disk full")
        return complete(self, *how)

    monkeypatch.setattr(Ledger, "complete", full)

    async def act(session: Session) -> None:
        assert (await session.evaluate("train", "a")).state is State.DONE
        assert len(session.backend.seen) == 1

    run(make_plan(tmp_path), {BASE_TREE: [0.5]}, act)


def test_the_end_of_a_hidden_evaluation_is_seen_on_a_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compiler.runtime.evaluator.engine.GRID_SECONDS", 0.25)

    async def act(session: Session) -> list[float]:
        times = []
        for split in ("validation", "validation", "train"):
            began = time.monotonic()
            await session.evaluate(split, "a")
            times.append(time.monotonic() - began)
        return times

    first, second, shown = run(make_plan(tmp_path), {BASE_TREE: [0.5]}, act)
    assert first >= 0.25
    assert second >= 0.25
    assert shown < 0.25


EVENTS = st.one_of(
    st.tuples(st.just("receive"), st.sampled_from(["c1", "d2", "e3", "f1"])),
    st.tuples(st.just("validation"), st.sampled_from("acdef")),
    st.tuples(st.just("train"), st.sampled_from("acdef")),
    st.tuples(st.just("submit"), st.sampled_from("acdef")),
    st.tuples(st.just("restart"), st.just("")),
)
OUTCOMES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, FAILING, None]), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(EVENTS, max_size=8),
    st.fixed_dictionaries({tree * 40: OUTCOMES for tree in "b123"}),
    st.sampled_from(["auto_best", "submit"]),
    st.booleans(),
)
def test_whatever_went_before_finalising_gives_a_result_or_says_why_not(
    events: list[tuple[str, str]], table: Table, mode: str, flag: bool
) -> None:
    """Any prefix of a session: the document is complete, and a number is never made of losses."""
    with tempfile.TemporaryDirectory() as name:
        plan = make_plan(
            Path(name),
            selection=selection(mode=mode, baseline_floor=flag),
            score_baseline=not flag,
            deterministic=flag,
            targets=[target("test", "a"), target("secret", "b", "secret-row-1")],
        )
        document = _live(plan, table, events)
    assert (document["rewards"] is None) is (document["problem"] is not None)
    chosen = document["selection"]["chosen"]
    assert chosen["tree"] in {c["tree"] for c in document["selection"]["candidates"]}
    assert document["selection"]["candidates"]
    for found in document["targets"]:
        assert (found["score"] is None) is (found["problem"] is not None)
        assert (found["basis"] is None) is (found["score"] is None)
    if document["rewards"] is not None:
        assert document["rewards"] == {t["reward_key"]: t["score"] for t in document["targets"]}
    if mode == "submit" and document["selection"]["submitted"]:
        assert chosen["basis"] in ("submitted", "baseline_floor")


def _live(plan: PlanA, table: Table, events: Sequence[tuple[str, str]]) -> Json:
    """Plays events, over restarts, and finalises."""
    rest = list(events)

    async def act(session: Session) -> Json | None:
        while rest:
            what, which = rest.pop(0)
            if what == "restart":
                return None
            await _happen(session, what, which)
        return await session.finalise()

    while (document := run(plan, table, act)) is None:
        pass
    return dict(document)


async def _happen(session: Session, what: str, which: str) -> None:
    with contextlib.suppress(Refused):
        if what == "receive":
            session.receive(which)
        elif what == "submit":
            session.ledger.submit(which * 40)
        else:
            await session.evaluate(what, which)
