"""Which candidate wins: pools, floors and submissions."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.evaluator.outcomes import Failed, Lost, Outcome, Scored, summarise
from compiler.runtime.evaluator.records import (
    Job,
    Purpose,
    Received,
    State,
    Submission,
    Subset,
)
from compiler.runtime.evaluator.selection import (
    Basis,
    Choice,
    Counts,
    choose,
    distinct,
    hold_floor,
    rank,
    take_submitted,
    with_rescores,
)

BASELINE = Received(commit="a" * 40, tree="0" * 40, order=0)
ONE = Received(commit="b" * 40, tree="1" * 40, order=1)
TWO = Received(commit="c" * 40, tree="2" * 40, order=2)
AGAIN = Received(commit="d" * 40, tree="1" * 40, order=3)
EVERYBODY = (BASELINE, ONE, TWO, AGAIN)
numbers = itertools.count(1)


def job(
    candidate: Received,
    score: float,
    *,
    state: State = State.DONE,
    ids: tuple[str, ...] | None = None,
    recorded: int | None = None,
    outcomes: tuple[Outcome, ...] = (),
    split: str = "v",
) -> Job:
    found = outcomes or (Scored(score=score),) * 4
    return Job(
        id=next(numbers),
        purpose=Purpose.REQUESTED,
        split=split,
        commit=candidate.commit,
        tree=candidate.tree,
        subset=Subset(ids=ids, size=len(found)),
        recorded=recorded,
        state=state,
        starts=1,
        submitted=0.0,
        finished=0.0,
        summary=summarise(found, 0.0),
        problem=None,
    )


def test_a_trees_evaluations_are_pooled_whichever_commit_had_them() -> None:
    jobs = [job(ONE, 0.9), job(TWO, 0.6), job(AGAIN, 0.1)]
    first, second = rank(EVERYBODY, jobs, "v")
    assert (first.candidate, first.score, first.jobs) == (TWO, 0.6, (jobs[1].id,))
    assert (second.candidate, second.score) == (ONE, 0.5)
    assert second.jobs == (jobs[0].id, jobs[2].id)
    assert second.counts == Counts(samples=8, scored=8, failed=0, lost=0)


def test_counts_are_sums_over_the_pool() -> None:
    some = (*(Scored(score=1.0),) * 9, Lost(cause="x"))
    jobs = [job(ONE, 0, outcomes=some), job(ONE, 0, outcomes=(Failed(cause="x"),) * 10)]
    (entry,) = rank(EVERYBODY, jobs, "v")
    assert entry.counts == Counts(samples=20, scored=9, failed=10, lost=1)
    assert entry.score == 0.45


@pytest.mark.parametrize(
    "other",
    [
        job(ONE, 1.0, state=State.INVALID),
        job(ONE, 1.0, state=State.CANCELLED),
        job(ONE, 1.0, state=State.RUNNING),
        job(ONE, 1.0, ids=("s1",)),
        job(ONE, 1.0, recorded=7),
        job(ONE, 1.0, split="other"),
        job(ONE, 1.0, outcomes=(Lost(cause="x"),) * 3),
        job(Received(commit="e" * 40, tree="9" * 40, order=9), 1.0),
    ],
)
def test_what_is_no_complete_evaluation_does_not_compete(other: Job) -> None:
    assert rank(EVERYBODY, [other], "v") == ()
    (entry,) = rank(EVERYBODY, [other, job(ONE, 0.25)], "v")
    assert entry.score == 0.25


def test_the_first_commit_of_a_tree_stands_for_it() -> None:
    assert list(distinct(reversed(EVERYBODY)).values()) == [BASELINE, ONE, TWO]


def test_the_second_score_decides_where_there_is_one() -> None:
    entries = rank(EVERYBODY, [job(ONE, 0.9), job(TWO, 0.5)], "v")
    choice = choose(with_rescores(entries, {ONE.tree: 0.1, TWO.tree: 0.4}), BASELINE, "v")
    assert (choice.candidate, choice.basis, choice.score) == (TWO, Basis.AUTO_BEST, 0.4)
    choice = choose(with_rescores(entries, {TWO.tree: 0.4}), BASELINE, "v")
    assert choice.candidate == ONE
    assert "its recorded score stands" in choice.why


def test_nobody_means_the_baseline() -> None:
    choice = choose((), BASELINE, "v", "nothing was submitted; ")
    assert (choice.candidate, choice.basis) == (BASELINE, Basis.BASELINE)
    assert choice.why.startswith("nothing was submitted; no candidate")


def test_a_submission_is_taken_as_it_is() -> None:
    choice = take_submitted(Submission(commit=AGAIN.commit, tree=AGAIN.tree, at=0.0), EVERYBODY)
    assert (choice.candidate, choice.basis) == (AGAIN, Basis.SUBMITTED)


@pytest.mark.parametrize(
    ("score", "stands"), [(0.51, True), (0.5, False), (0.49, False), (-1.0, False)]
)
def test_the_floor_has_to_be_exceeded(score: float, stands: bool) -> None:
    choice = Choice(candidate=ONE, basis=Basis.AUTO_BEST, why="best", score=score)
    held = hold_floor(choice, BASELINE, 0.5, "v")
    assert held.candidate == (ONE if stands else BASELINE)
    assert (held.basis is Basis.FLOOR) is not stands
    if not stands:
        assert ONE.commit in held.why
        assert held.score == 0.5


def test_the_baseline_is_never_below_itself() -> None:
    choice = Choice(candidate=BASELINE, basis=Basis.AUTO_BEST, why="best", score=0.1)
    assert hold_floor(choice, BASELINE, 0.5, "v") == choice


@given(st.lists(st.tuples(st.sampled_from(EVERYBODY), st.floats(0, 1)), max_size=12))
def test_who_wins_has_no_less_than_anybody(measured: list[tuple[Received, float]]) -> None:
    entries = rank(EVERYBODY, [job(candidate, score) for candidate, score in measured], "v")
    choice = choose(entries, BASELINE, "v")
    assert [entry.score for entry in entries] == sorted((e.score for e in entries), reverse=True)
    assert {entry.candidate.tree for entry in entries} == {c.tree for c, _ in measured}
    if entries:
        assert choice.score == entries[0].score
