"""From outcomes to a score: what is missing never helps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.evaluator.outcomes import Failed, Lost, Outcome, Scored, summarise

S1: Outcome = Scored(score=1.0)
S0: Outcome = Scored(score=0.0)
F: Outcome = Failed(cause="x")
L: Outcome = Lost(cause="y")


@pytest.mark.parametrize(
    ("outcomes", "failure_value", "score", "counts"),
    [
        ([S1, S0], 0.0, 0.5, (2, 0, 0)),
        ([S1, F], 0.0, 0.5, (1, 1, 0)),
        ([S1, F], -1.0, 0.0, (1, 1, 0)),
        ([F, F], 0.25, 0.25, (0, 2, 0)),
        ([S1] * 9 + [L], 0.0, 0.9, (9, 0, 1)),
        ([S1] * 8 + [F, L], 0.0, 0.8, (8, 1, 1)),
        ([S1] * 8 + [L, L], 0.0, None, (8, 0, 2)),
        ([S1] * 18 + [L, L], 0.0, 0.9, (18, 0, 2)),
        ([S1] * 8 + [L], 0.0, None, (8, 0, 1)),
        ([L], 0.0, None, (0, 0, 1)),
        ([], 0.0, None, (0, 0, 0)),
        ([Scored(score=1.7e308)] * 4, 0.0, 1.7e308, (4, 0, 0)),
        ([Scored(score=0.1)] * 10, 0.0, 0.1, (10, 0, 0)),
    ],
)
def test_table(
    outcomes: list[Outcome],
    failure_value: float,
    score: float | None,
    counts: tuple[int, int, int],
) -> None:
    summary = summarise(outcomes, failure_value)
    assert summary.score == score
    assert (summary.scored, summary.failed, summary.lost) == counts
    assert summary.samples == len(outcomes)


def test_metrics_are_means_over_all_samples_as_well() -> None:
    outcomes = [Scored(score=1.0, metrics={"a": 1.0, "b": 4.0}), Scored(score=1.0), F, F]
    assert summarise(outcomes, 0.0).metrics == {"a": 0.25, "b": 1.0}
    assert summarise([*outcomes, L, L], 0.0).metrics == {}


_OUTCOME = st.one_of(st.floats(0, 1).map(lambda score: Scored(score=score)), st.just(F), st.just(L))


@given(st.lists(_OUTCOME, min_size=1, max_size=40), st.data())
def test_losing_a_sample_never_raises_the_mean(
    outcomes: list[Outcome], data: st.DataObject
) -> None:
    before = summarise(outcomes, 0.0).score
    at = data.draw(st.integers(0, len(outcomes) - 1))
    worse: Outcome = data.draw(st.sampled_from([F, L]))
    after = summarise([*outcomes[:at], worse, *outcomes[at + 1 :]], 0.0).score
    if before is not None and after is not None:
        assert after <= before
