"""Arithmetic of budgets: pure, and the only place that decides whether something may be spent."""

from __future__ import annotations

from dataclasses import dataclass

from .plan import Budget

# Evaluations of one split whose price is given back because the machinery failed. More than that is
# either an installation that has to be mended or somebody who found a way to provoke failures.
MOST_REFUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What evaluations cost: whole evaluations, and the samples in them."""

    runs: int
    samples: int


NOTHING = Amount(runs=0, samples=0)


def affordable(budget: Budget | None, spent: Amount, price: Amount) -> bool:
    """Whether `price` can be paid on top of `spent`; a split without a budget has no limit."""
    if budget is None:
        return True
    return _within(budget.runs, spent.runs + price.runs) and _within(
        budget.samples, spent.samples + price.samples
    )


def left(total: int | None, spent: int) -> int | None:
    """What is left of a total; `None` is unlimited."""
    return None if total is None else max(0, total - spent)


def refundable(refunds: int) -> bool:
    """Whether one more refund may follow `refunds` earlier ones on the same split."""
    return refunds < MOST_REFUNDS


def _within(total: int | None, amount: int) -> bool:
    return total is None or amount <= total
