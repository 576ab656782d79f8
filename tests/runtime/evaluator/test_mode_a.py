"""Mode A against a scripted runner: outcomes, retries, bounds, and whose fault each fault is."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator
from typing import cast

import pytest

from compiler.runtime.evaluator.candidates import CandidateStore, MachineryFailure
from compiler.runtime.evaluator.dataset import read_samples
from compiler.runtime.evaluator.mode_a import ModeA
from compiler.runtime.evaluator.outcomes import Failed, Outcome, summarise
from compiler.runtime.evaluator.plan import PlanA
from compiler.runtime.evaluator.runner_client import RunnerClient, RunnerFailure
from compiler.runtime.runner import frames

from .fakes import ENDED, PRESENT, Answer, FakeRunner, Json, failure, right
from .house import House, make_house, short_folder

TREE = "1" * 40


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("delivery", "mode_a"):
        monkeypatch.setattr(f"compiler.runtime.evaluator.{module}.RETRY_DELAYS", (0.01, 0.02))
    monkeypatch.setattr("compiler.runtime.evaluator.suspicion.RETURN_SECONDS", 0.5)
    monkeypatch.setattr("compiler.runtime.evaluator.runner_client.PING_SECONDS", 2.0)


@pytest.fixture
def house() -> Generator[House, None, None]:
    with short_folder() as root:
        yield make_house(root / "house")


class Store:
    """Stands in for the candidates: gives one tar, or fails."""

    def __init__(self, chunks: list[bytes | Exception] | None = None) -> None:
        self.chunks = [b"tar" * 1000] if chunks is None else chunks
        self.opened = 0

    def archive(self, tree: str) -> Generator[bytes, None, None]:
        self.opened += 1
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


def evaluate(
    house: House,
    script: Callable[[Json, int], Answer],
    store: Store | None = None,
    prepare: Callable[[FakeRunner], None] = lambda runner: None,
    split: str = "validation",
) -> tuple[tuple[Outcome, ...], FakeRunner]:
    """One evaluation of a split; `prepare` changes the runner before it."""
    plan = house.decoded()
    samples = read_samples(plan)[split]

    async def run() -> tuple[tuple[Outcome, ...], FakeRunner]:
        runner = FakeRunner(plan.paths.runner_socket, script)
        prepare(runner)
        async with runner.running():
            backend = backend_of(plan, store or Store())
            try:
                return await backend.evaluate(TREE, samples), runner
            finally:
                await backend.close()

    return asyncio.run(run())


def backend_of(plan: PlanA, store: Store) -> ModeA:
    return ModeA(plan, cast(CandidateStore, store), RunnerClient(plan))


def kinds(outcomes: tuple[Outcome, ...]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def test_every_sample_runs_once_and_sees_its_input_alone(house: House) -> None:
    outcomes, runner = evaluate(house, lambda request, _: right(request))
    summary = summarise(outcomes, 0.0)
    assert (summary.score, summary.scored) == (0.7, 10)
    requests = [request for request in runner.requests if request["op"] == "sample"]
    assert sorted(request["input"]["left"] for request in requests) == list(range(10))
    for request in requests:
        assert set(request) == {"op", "tree", "input"}
        assert set(request["input"]) == {"left", "right"}
    assert runner.count("put") == 1
    assert runner.trees == {TREE: b"tar" * 1000}


def test_large_trees_go_in_pieces(house: House) -> None:
    chunks: list[bytes | Exception] = [b"x" * (frames.MAX_CHUNK + 5), b"", b"y" * 3]
    _, runner = evaluate(house, lambda request, _: right(request), Store(chunks))
    assert runner.trees[TREE] == b"x" * (frames.MAX_CHUNK + 5) + b"y" * 3


# What the runner says of each sample, and the cause that the candidate is told.
FAULTS: list[tuple[Json, bytes, str]] = [
    ({**ENDED, "exit": 3, "output": "present"}, b"1", "exit code 3"),
    ({**ENDED, "exit": None, "signal": 9, "output": "present"}, b"1", "signal 9"),
    ({**ENDED, "timed_out": True, "output": "missing"}, b"", "longer than 10 s"),
    ({**ENDED, "output": "missing"}, b"", "no output"),
    ({**ENDED, "output": "too_large"}, b"", "larger than 65536 bytes"),
    ({**ENDED, "output": "not_a_file"}, b"", "not a regular file"),
    ({**ENDED, "output": "present"}, b"", "not JSON"),
    ({**ENDED, "output": "present"}, b"NaN", "NaN"),
    ({**ENDED, "output": "present"}, b"\xff", "not UTF-8"),
    ({**ENDED, "output": "present"}, b"[" * 50_000, "nested too deeply|not JSON"),
]


@pytest.mark.parametrize(("answer", "body", "cause"), FAULTS)
def test_what_a_candidate_causes_is_its_failure(
    house: House, answer: Json, body: bytes, cause: str
) -> None:
    said = {**answer, "stdout": "", "stderr": "Traceback: x"}
    outcomes, _ = evaluate(house, lambda request, _: (said, body))
    assert kinds(outcomes) == {"Failed": 10}
    for outcome in outcomes:
        assert isinstance(outcome, Failed)
        assert any(part in outcome.cause for part in cause.split("|"))
        assert outcome.detail == "Traceback: x"


def test_a_tree_that_is_refused_is_the_candidates_failure(house: House) -> None:
    for code in ("bad_tree", "too_large"):

        def prepare(runner: FakeRunner, code: str = code) -> None:
            runner.put = failure(code)

        outcomes, runner = evaluate(house, lambda request, _: right(request), prepare=prepare)
        assert kinds(outcomes) == {"Failed": 10}
        assert (runner.count("put"), runner.count("sample")) == (1, 0)


@pytest.mark.parametrize("where", ["put", "sample"])
def test_a_setup_that_fails_is_the_candidates_failure_everywhere(house: House, where: str) -> None:
    """Whether the runner says it when it gets the tree or when the tree is to run."""
    said = {"ok": False, "error": {"code": "setup_failed", "message": "make: no rule"}}

    def prepare(runner: FakeRunner) -> None:
        runner.put = said if where == "put" else runner.put

    outcomes, runner = evaluate(house, lambda request, _: (said, b""), prepare=prepare)
    assert set(outcomes) == {Failed(cause="the candidate's setup failed", detail="make: no rule")}
    assert len(outcomes) == 10
    assert runner.count("put") == 1
    assert runner.count("sample") <= 2


def test_a_setup_that_takes_long_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound on handing a tree over is not one on preparing it."""
    monkeypatch.setattr("compiler.runtime.evaluator.runner_client.PUT_SECONDS", 0.2)
    react = FakeRunner._react

    async def slow(self: FakeRunner, request: Json, reader: asyncio.StreamReader) -> Answer:
        answer = await react(self, request, reader)
        if request["op"] == "put":
            await asyncio.sleep(0.6)
        return answer

    monkeypatch.setattr(FakeRunner, "_react", slow)
    outcomes, runner = evaluate(house, lambda request, _: right(request))
    assert summarise(outcomes, 0.0).score == 0.7
    assert runner.count("put") == 1


def test_what_was_scored_before_a_setup_failed_again_stands(house: House) -> None:
    house.plan["max_concurrency"] = 1
    said: Answer = (failure("setup_failed"), b"")
    outcomes, _ = evaluate(house, lambda request, n: right(request) if n <= 3 else said)
    assert kinds(outcomes) == {"Scored": 3, "Failed": 7}


def _once(fault: Answer) -> Callable[[Json, int], Answer]:
    """The fault for the first request only."""
    return lambda request, number: fault if number == 1 else right(request)


MACHINERY: list[Answer] = [
    None,
    b"\0\0\0\4junk",
    b"\xff\xff\xff\xff",
    b"\0\0\0\2[]",
    b"\0\0",
    (failure("internal"), b""),
    (failure("bad_request"), b""),
    (failure("too_large"), b""),
    ({"ok": True}, b""),
    ({**PRESENT, "output": "somewhere"}, b""),
    ({**PRESENT, "exit": "0"}, b""),
    ({**PRESENT, "timed_out": None}, b""),
    (PRESENT, b"x" * 65537),
]


@pytest.mark.parametrize("fault", MACHINERY)
def test_failures_of_the_machinery_are_retried_and_leave_no_trace(
    house: House, fault: Answer
) -> None:
    outcomes, runner = evaluate(house, _once(fault))
    assert summarise(outcomes, 0.0).score == 0.7
    assert runner.count("sample") == 11


@pytest.mark.parametrize("fault", [None, b"\0\0\0\4junk", (failure("internal"), b"")])
def test_what_stays_broken_is_lost_and_no_time_is_wasted(house: House, fault: Answer) -> None:
    outcomes, runner = evaluate(house, lambda request, number: fault)
    assert summarise(outcomes, 0.0).score is None
    assert set(kinds(outcomes)) == {"Lost"}
    # The baseline on as many samples as run at once, and the rest of the attempts after it.
    assert runner.count("sample") <= 12 + 2 * 4 + 12


def test_one_lost_sample_of_ten_counts_as_a_failure(house: House) -> None:
    def script(request: Json, number: int) -> Answer:
        return None if request["input"]["left"] == 4 else right(request)

    outcomes, runner = evaluate(house, script)
    assert kinds(outcomes) == {"Scored": 9, "Lost": 1}
    assert summarise(outcomes, 0.0).score == 0.6
    # Three attempts; the baseline, which was unknown at first, on one or two; three more.
    assert runner.count("sample") - (9 + 3 + 3) in (2, 4)


@pytest.mark.parametrize("end", [None, b"\0\0", (failure("internal"), b"")])
def test_a_runner_that_fails_under_the_candidate_alone_is_the_candidates_failure(
    house: House, end: Answer
) -> None:
    """Tries: to take the whole runner down. Gain: no score where there would be a bad one."""

    def script(request: Json, number: int) -> Answer:
        if request["tree"] == TREE:
            runners[0].trees.clear()
            return end
        return right(request)

    runners: list[FakeRunner] = []
    outcomes, _ = evaluate(house, script, prepare=runners.append)
    assert kinds(outcomes) == {"Failed": 10}
    assert {outcome.cause for outcome in outcomes if isinstance(outcome, Failed)} == {
        "the runner failed again and again while the candidate ran, and only then"
    }


def test_so_it_is_when_it_fails_under_the_candidates_setup(house: House) -> None:
    outcomes, _ = evaluate(
        house, lambda request, _: right(request), prepare=lambda runner: runner.deadly.add(TREE)
    )
    assert kinds(outcomes) == {"Failed": 10}


def test_some_samples_that_end_the_runner_cost_all_that_come_after(house: House) -> None:
    def script(request: Json, number: int) -> Answer:
        deadly = request["tree"] == TREE and request["input"]["left"] == 7
        return None if deadly else right(request)

    outcomes, _ = evaluate(house, script)
    assert set(kinds(outcomes)) == {"Scored", "Failed"}


def test_a_candidate_that_is_acquitted_goes_on(house: House) -> None:
    """The runner failed often, and bears the candidate in the end: it was the machinery."""
    outcomes, runner = evaluate(
        house, lambda request, number: None if number <= 12 else right(request)
    )
    assert kinds(outcomes) == {"Scored": 10}
    assert runner.count("sample") <= 60


def test_the_baseline_itself_is_never_suspect(house: House) -> None:
    house.plan["baseline"]["tree"] = TREE
    outcomes, runner = evaluate(house, lambda request, _: None)
    assert set(kinds(outcomes)) == {"Lost"}
    assert runner.count("sample") <= 12


def test_a_tree_that_the_runner_forgot_is_sent_again(house: House) -> None:
    store = Store()

    def script(request: Json, number: int) -> Answer:
        if number == 3:
            runners[0].trees.clear()
        return right(request)

    runners: list[FakeRunner] = []
    outcomes, runner = evaluate(house, script, store, prepare=runners.append)
    assert summarise(outcomes, 0.0).score == 0.7
    assert runner.count("put") >= 2
    assert store.opened >= 2


def test_a_runner_that_is_not_there_loses_everything(house: House) -> None:
    plan = house.decoded()

    async def run() -> tuple[Outcome, ...]:
        backend = backend_of(plan, Store())
        with pytest.raises(RunnerFailure):
            await backend.ping()
        return await backend.evaluate(TREE, read_samples(plan)["train"])

    assert kinds(asyncio.run(run())) == {"Lost": 6}


def test_a_runner_that_goes_away_and_comes_back(house: House) -> None:
    def script(request: Json, number: int) -> Answer:
        if number == 4:
            runners[0].drop()
            runners[0].trees.clear()
        return right(request)

    runners: list[FakeRunner] = []
    outcomes, _ = evaluate(house, script, prepare=runners.append)
    assert summarise(outcomes, 0.0).score == 0.7


def test_git_that_fails_is_the_machinery(house: House) -> None:
    store = Store([b"begin", MachineryFailure("git failed")])
    outcomes, _ = evaluate(house, lambda request, _: right(request), store)
    assert kinds(outcomes) == {"Lost": 10}
    assert store.opened == 3


def test_the_evaluations_time_is_a_bound_on_the_candidate(house: House) -> None:
    house.plan["timeout"] = 2.0

    def script(request: Json, number: int) -> Answer:
        runners[0].hang_on("sample")
        return right(request)

    runners: list[FakeRunner] = []
    started = time.monotonic()
    outcomes, _ = evaluate(house, script, prepare=runners.append)
    assert time.monotonic() - started < 30
    assert kinds(outcomes)["Failed"] >= 8 and not kinds(outcomes)["Lost"]
    assert summarise(outcomes, 0.0).score is not None


def test_time_that_a_hanging_runner_took_is_not_the_candidates(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had no trouble before: that it does not answer when the time is over tells."""
    monkeypatch.setattr("compiler.runtime.evaluator.runner_client.PING_SECONDS", 0.2)
    house.plan["timeout"] = 2.0

    def script(request: Json, number: int) -> Answer:
        runners[0].hang = True
        return right(request)

    runners: list[FakeRunner] = []
    outcomes, _ = evaluate(house, script, prepare=runners.append)
    assert kinds(outcomes)["Lost"] >= 2 and not kinds(outcomes)["Failed"]


def test_time_that_the_machinery_lost_is_not_the_candidates(house: House) -> None:
    house.plan["timeout"] = 2.0

    def script(request: Json, number: int) -> Answer:
        if number > 2:
            runners[0].hang = True
        return None if number == 1 else right(request)

    runners: list[FakeRunner] = []
    outcomes, _ = evaluate(house, script, prepare=runners.append)
    assert kinds(outcomes)["Lost"] >= 2 and not kinds(outcomes)["Failed"]
    assert summarise(outcomes, 0.0).score is None


def test_time_that_a_runner_hung_is_not_the_candidates_when_it_answers_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compiler.runtime.evaluator.runner_client.SAMPLE_MARGIN", 0.3)
    house.plan["timeout"], house.plan["sample_timeout"] = 3.0, 0.3

    def script(request: Json, number: int) -> Answer:
        runners[0].hang_on("sample")
        return right(request)

    runners: list[FakeRunner] = []
    outcomes, _ = evaluate(house, script, prepare=runners.append)
    assert kinds(outcomes)["Lost"] >= 2 and not kinds(outcomes)["Failed"]


def test_one_failure_of_the_runner_excuses_no_slow_candidate(house: House) -> None:
    """Tries: to have the runner fail once, and then to be slow. Gain: time that ran out is lost."""
    house.plan["timeout"] = 2.0

    def script(request: Json, number: int) -> Answer:
        if number > 1:
            runners[0].hang_on("sample")
        return None if number == 1 else right(request)

    runners: list[FakeRunner] = []
    outcomes, _ = evaluate(house, script, prepare=runners.append)
    assert set(kinds(outcomes)) <= {"Scored", "Failed"}


def test_who_is_acquitted_again_and_again_is_not_believed(house: House) -> None:
    """Tries: to tell when it is compared, and to behave then. Gain: samples that are lost."""
    compared: list[int] = []

    def script(request: Json, number: int) -> Answer:
        if request["tree"] != TREE:
            compared.append(number)
            return right(request)
        watched = bool(compared) and number <= compared[-1] + 2
        return right(request) if watched else None

    outcomes, _ = evaluate(house, script)
    assert set(kinds(outcomes)) == {"Scored", "Failed"}


def test_a_runner_that_hangs_is_the_machinery(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compiler.runtime.evaluator.runner_client.SAMPLE_MARGIN", 0.1)
    house.plan["sample_timeout"] = 0.1

    def script(request: Json, number: int) -> Answer:
        runners[0].hang = True
        return right(request)

    runners: list[FakeRunner] = []
    outcomes, _ = evaluate(house, script, prepare=runners.append)
    assert kinds(outcomes)["Lost"] >= 8


def test_cancelling_closes_every_connection(house: House) -> None:
    plan = house.decoded()
    samples = read_samples(plan)["train"]

    async def run() -> None:
        runner = FakeRunner(plan.paths.runner_socket, lambda request, _: right(request))
        async with runner.running():
            backend = backend_of(plan, Store())
            await backend.evaluate(TREE, samples)
            runner.hang = True
            task = asyncio.create_task(backend.evaluate(TREE, samples))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await backend.close()
            await asyncio.sleep(0.05)
            assert not runner._open

    asyncio.run(run())


def test_a_scorer_that_cannot_start_is_the_machinery(house: House) -> None:
    (house.root / "scorer" / "scorer.py").write_text("import no_such_module_at_all")
    outcomes, _ = evaluate(house, lambda request, _: right(request))
    assert set(kinds(outcomes)) == {"Lost"}


def test_a_scorer_that_crashes_on_some_outputs(house: House) -> None:
    text = "import os\ndef score(sample, output):\n    os._exit(1) if output > 40 else None\n"
    (house.root / "scorer" / "scorer.py").write_text(text + "    return 1.0\n")
    outcomes, _ = evaluate(house, lambda request, _: right(request))
    assert kinds(outcomes) == {"Scored": 6, "Failed": 4}
