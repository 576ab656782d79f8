"""The queue and finalising over a real ledger and a scripted backend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler.runtime.evaluator import finalise as module
from compiler.runtime.evaluator.dataset import Sample, read_samples
from compiler.runtime.evaluator.engine import Engine
from compiler.runtime.evaluator.finalise import Finaliser, finalise_seconds
from compiler.runtime.evaluator.finalization import FILE_NAME
from compiler.runtime.evaluator.ledger import Ledger, open_ledger
from compiler.runtime.evaluator.offload import Lane
from compiler.runtime.evaluator.outcomes import Outcome
from compiler.runtime.evaluator.plan import Plan, decode_plan
from compiler.runtime.evaluator.records import Job, Order, Purpose, Refused, State, Subset
from compiler.runtime.evaluator.results import Results

from .fakes import FAILING, FakeBackend
from .house import SAMPLES, plan_of, rows

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


def make_plan(folder: Path, **changes: Any) -> Plan:
    for name in ("admin", "data"):
        (folder / name).mkdir(exist_ok=True)
    for split in SAMPLES:
        lines = "".join(json.dumps(row) + "\n" for row in rows(split))
        (folder / "data" / f"{split}.jsonl").write_text(lines)
    return decode_plan({**plan_of(folder, BASE, BASE_TREE), "budgets": [], **changes})


class Session:
    """Engine, ledger and finaliser over a backend, as the service puts them together."""

    def __init__(self, plan: Plan, backend: FakeBackend) -> None:
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

    async def _export(self, document: str) -> str | None:
        self.exported.append(document)
        return None

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


def run(plan: Plan, table: Table, act: Callable[[Session], Awaitable[Any]]) -> Any:
    """What `act` gives, on a started session that is closed afterwards."""

    async def main() -> Any:
        session = Session(plan, FakeBackend(table))
        session.engine.start()
        try:
            return await act(session)
        finally:
            await session.close()

    return asyncio.run(main())


def play(plan: Plan, table: Table, commits: Sequence[str]) -> Json:
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
