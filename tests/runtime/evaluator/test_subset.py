"""Which samples an evaluation covers: chosen, drawn, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.evaluator.dataset import Sample
from compiler.runtime.evaluator.plan import decode_plan
from compiler.runtime.evaluator.records import Refused, Subset
from compiler.runtime.evaluator.subset import (
    check_choice,
    check_size,
    choose_named,
    draw,
    pick,
    whole,
)

from .house import budget, plan_of

SAMPLES = tuple(Sample(id=f"s{n}", row="{}", input={}) for n in range(7))
IDS = tuple(sample.id for sample in SAMPLES)


@given(st.permutations(IDS), st.integers(0, 7))
def test_named_samples_keep_the_splits_order(names: list[str], number: int) -> None:
    subset = choose_named(SAMPLES, names[:number])
    expected = tuple(name for name in IDS if name in names[:number])
    assert subset == (Subset(ids=expected, size=number) if number < 7 else whole(SAMPLES))
    assert tuple(sample.id for sample in pick(SAMPLES, subset)) == expected


@pytest.mark.parametrize(
    ("names", "code"), [(["s1", "s9"], "unknown_sample"), (["s1", "s1"], "bad_body")]
)
def test_names_that_cannot_be_chosen(names: list[str], code: str) -> None:
    with pytest.raises(Refused) as caught:
        choose_named(SAMPLES, names)
    assert caught.value.code == code


@given(st.integers(0, 7), st.integers(-(2**63), 2**63 - 1))
def test_a_seed_draws_the_same_samples_always(number: int, seed: int) -> None:
    subset = draw(SAMPLES, number, seed)
    assert subset == draw(SAMPLES, number, seed)
    assert subset.size == number
    assert choose_named(SAMPLES, subset.ids or IDS) == subset if number else subset.ids == ()


def test_without_a_seed_others_are_drawn() -> None:
    many = tuple(Sample(id=str(n), row="{}", input={}) for n in range(1000))
    assert draw(many, 20, None) != draw(many, 20, None)
    with pytest.raises(Refused, match="7 samples"):
        draw(SAMPLES, 8, 1)


def test_sizes_are_bounded_before_anything_runs(tmp_path: Path) -> None:
    budgets = [budget("train", per_run=4), budget("validation", samples=40)]
    plan = decode_plan({**plan_of(tmp_path, "a" * 40, "b" * 40), "budgets": budgets})
    train, validation = plan.split("train"), plan.split("validation")
    assert train is not None
    assert validation is not None
    check_size(plan, train, Subset(ids=("a",), size=1))
    check_size(plan, validation, Subset(ids=None, size=10))
    for split, size, code in (
        (train, 0, "too_few_samples"),
        (train, 5, "run_too_large"),
        (validation, 4, "too_few_samples"),
    ):
        with pytest.raises(Refused) as caught:
            check_size(plan, split, Subset(ids=None, size=size))
        assert caught.value.code == code
    check_choice(train)
    with pytest.raises(Refused) as caught:
        check_choice(validation)
    assert caught.value.code == "selection_not_allowed"
