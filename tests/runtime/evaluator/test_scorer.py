"""The scorer in its own process: whose fault a fault is, and that it does not hurt the next."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from compiler.runtime.evaluator.dataset import Sample
from compiler.runtime.evaluator.outcomes import Failed, Scored
from compiler.runtime.evaluator.plan import PlanA
from compiler.runtime.evaluator.scorer import Scorers, ScorerUnusable, check_scorer

from .house import decode_plan_a, plan_of

# What the output asks for is what the scorer does.
SCORER = """
import os, signal, socket, subprocess, sys, threading, time

print("imported")
calls = 0

class Odd(Exception):
    def __str__(self):
        raise RuntimeError

def score(sample, output):
    global calls
    calls += 1
    print("noise on standard output", flush=True)
    kind = output["kind"]
    if kind == "raise":
        raise ValueError("no such answer")
    if kind == "odd":
        raise Odd
    if kind == "exit":
        sys.exit(0)
    if kind == "_exit":
        os._exit(0)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "sleep":
        subprocess.Popen(["sleep", "613"])
        time.sleep(60)
    if kind == "recurse":
        return score(sample, output)
    if kind == "garbage":
        for fd in range(3, 64):
            try:
                os.write(fd, b"garbage!" * 10)
            except OSError:
                pass
        return 1.0
    if kind == "secret":
        raise ValueError("the judge refused " + os.environ["MOORING_TEST_KEY"])
    if kind == "files":
        return float(sum(os.path.exists(f"/proc/self/fd/{fd}") for fd in range(3, 1024)))
    if kind == "calls":
        return calls
    if kind == "sample":
        return {"score": sample["answer"], "same": float(sample == {"answer": 3})}
    return eval(output["value"])
"""


@pytest.fixture
def plan(tmp_path: Path) -> PlanA:
    return scorer_plan(tmp_path, SCORER)


def scorer_plan(folder: Path, text: str, **changes: object) -> PlanA:
    (folder / "scorer").mkdir()
    (folder / "scorer" / "scorer.py").write_text(text)
    return decode_plan_a({**plan_of(folder, "a" * 40, "b" * 40), "scorer_timeout": 1, **changes})


SAMPLE = Sample(id="1", row='{"answer": 3}', input={})


async def _score(plan: PlanA, answers: list[str]) -> list[Scored | Failed]:
    scorers = Scorers(plan)
    try:
        return [await scorers.score(SAMPLE, answer) for answer in answers]
    finally:
        await scorers.close()


def score(plan: PlanA, *answers: str) -> list[Scored | Failed]:
    return asyncio.run(_score(plan, list(answers)))


def value(expression: str) -> str:
    return f'{{"kind": "value", "value": "{expression}"}}'


@pytest.mark.parametrize(
    ("answer", "score_", "metrics"),
    [
        (value("0.5"), 0.5, {}),
        (value("True"), 1.0, {}),
        (value("2"), 2.0, {}),
        (value("{'score': 1, 'a': 0.5}"), 1.0, {"a": 0.5}),
        (value("__import__('fractions').Fraction(1, 4)"), 0.25, {}),
        ('{"kind": "sample"}', 3.0, {"same": 1.0}),
    ],
)
def test_scores(plan: PlanA, answer: str, score_: float, metrics: dict[str, float]) -> None:
    assert score(plan, answer) == [Scored(score=score_, metrics=metrics, output=answer)]


FAULTS = [
    ('{"kind": "raise"}', "raised an exception", "ValueError: no such answer"),
    ('{"kind": "odd"}', "raised an exception", "Odd"),
    ('{"kind": "exit"}', "raised an exception", "SystemExit: 0"),
    ('{"kind": "recurse"}', "raised an exception", "RecursionError"),
    ("[]", "raised an exception", "TypeError"),
    ('{"kind": "_exit"}', "crashed", ""),
    ('{"kind": "kill"}', "crashed", ""),
    ('{"kind": "garbage"}', "crashed", ""),
    ('{"kind": "sleep"}', "took too long", ""),
    (value("float('nan')"), "no usable score", "not finite"),
    (value("float('inf')"), "no usable score", "not finite"),
    (value("10 ** 400"), "no usable score", "too large"),
    (value("None"), "no usable score", "NoneType, not a number"),
    (value("'1'"), "no usable score", "str, not a number"),
    (value("[1]"), "no usable score", "list, not a number"),
    (value("{'a': 1}"), "no usable score", "no key 'score'"),
    (value("{'score': 1, 'a': float('nan')}"), "no usable score", "metric 'a' is not finite"),
    (value("{'score': 1, 'a': 'x'}"), "no usable score", "metric 'a'"),
    (value("{'score': 1, 7: 1}"), "no usable score", "a key that is no text"),
    (value("dict(score=1, **{'m%d' % i: 1 for i in range(99)})"), "no usable score", "more than"),
]


@pytest.mark.parametrize(("answer", "cause", "detail"), FAULTS)
def test_faults_on_an_output_are_the_candidates(
    plan: PlanA, answer: str, cause: str, detail: str
) -> None:
    good = value("0.5")
    failed, after = score(plan, answer, good)
    assert isinstance(failed, Failed)
    assert cause in failed.cause
    assert detail in failed.detail
    assert failed.output == answer
    assert after == Scored(score=0.5, output=good)


def test_a_timeout_kills_what_the_scorer_started(plan: PlanA) -> None:
    started = time.monotonic()
    score(plan, '{"kind": "sleep"}')
    assert time.monotonic() - started < 10
    assert not _processes_with("613")


def _processes_with(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", word.encode()]:
            found.append(str(path))
    return found


def test_one_worker_serves_many_outputs_and_each_evaluation_has_its_own(plan: PlanA) -> None:
    calls = '{"kind": "calls"}'
    first = score(plan, calls, calls, calls)
    assert [outcome.score for outcome in first if isinstance(outcome, Scored)] == [1.0, 2.0, 3.0]
    assert score(plan, calls) == [Scored(score=1.0, output=calls)]


def test_a_worker_that_died_while_idle_is_nobodys_failure(plan: PlanA) -> None:
    async def check() -> Scored | Failed:
        scorers = Scorers(plan)
        await scorers.score(SAMPLE, value("1"))
        os.killpg(scorers._idle[0]._process.pid, signal.SIGKILL)
        await scorers._idle[0]._process.wait()
        try:
            return await scorers.score(SAMPLE, value("1"))
        finally:
            await scorers.close()

    assert isinstance(asyncio.run(check()), Scored)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("def score(", "SyntaxError"),
        ("score = 1", "not a function"),
        ("", "AttributeError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "ended while it was imported"),
    ],
)
def test_a_scorer_that_cannot_be_imported_is_the_machinerys_failure(
    tmp_path: Path, text: str, message: str
) -> None:
    plan = scorer_plan(tmp_path, text)
    with pytest.raises(ScorerUnusable, match=message):
        asyncio.run(check_scorer(plan))
    with pytest.raises(ScorerUnusable, match=message):
        score(plan, "1")


def test_a_missing_interpreter_and_an_endless_import_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = scorer_plan(tmp_path, "import time; time.sleep(60)")
    monkeypatch.setattr("compiler.runtime.evaluator.scorer.IMPORT_SECONDS", 0.5)
    with pytest.raises(ScorerUnusable, match="not imported within"):
        asyncio.run(check_scorer(plan))
    document = plan_of(tmp_path, "a" * 40, "b" * 40)
    document["paths"]["scorer_python"] = "/nonexistent/python"
    with pytest.raises(ScorerUnusable, match="cannot be started"):
        asyncio.run(check_scorer(decode_plan_a(document)))


def test_a_scorer_has_its_secrets_and_does_not_tell_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOORING_TEST_KEY", "k3y-0f-the-judge")
    plan = scorer_plan(tmp_path, SCORER, secrets=["MOORING_TEST_KEY"])
    (failed,) = score(plan, '{"kind": "secret"}')
    assert isinstance(failed, Failed)
    assert failed.detail == "ValueError: the judge refused [MOORING_TEST_KEY]"


def test_a_scorer_holds_no_open_file_but_its_socket(plan: PlanA) -> None:
    with (plan.paths.scorer / "scorer.py").open():
        assert score(plan, '{"kind": "files"}') == [Scored(score=1.0, output='{"kind": "files"}')]
