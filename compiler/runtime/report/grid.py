"""Trials of several tasks, agents and models -> a table, and the same as one JSON object.

A trial without a reward is in no mean: it stands beside it, under what it failed by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .failures import class_of
from .job import Trial
from .text import number, shown, table

VERSION = 1
WIDTH = 48
NO_EXCEPTION = "no reward"


@dataclass(frozen=True)
class Combination:
    """A task under an agent with a model, as the caller asked for them."""

    task: str
    agent: str
    model: str | None


@dataclass(frozen=True)
class Cell:
    """What became of a combination's trials.

    `means` are over the `scored` trials, by reward key. `failures` counts the others by class and
    type of exception; `missing` never ran. `cost` is the sum in US dollars and `seconds` the mean
    of a trial, of those for which Harbor has them.
    """

    of: Combination
    trials: int
    scored: int
    missing: int
    means: dict[str, float]
    failures: dict[str, dict[str, int]]
    cost: float | None
    seconds: float | None


def summarise(
    combinations: Sequence[Combination], trials: Sequence[Trial], attempts: int
) -> list[Cell]:
    """A cell for each combination, of which each has `attempts` trials."""
    return [_summarise(wanted, _trials_of(wanted, trials), attempts) for wanted in combinations]


def _trials_of(of: Combination, trials: Sequence[Trial]) -> list[Trial]:
    return [t for t in trials if (t.task, t.agent, t.model) == (of.task, of.agent, of.model)]


def strangers(combinations: Sequence[Combination], trials: Sequence[Trial]) -> list[Trial]:
    """Trials of no combination, those that cannot be read among them."""
    known = {(of.task, of.agent, of.model) for of in combinations}
    return [t for t in trials if (t.task, t.agent, t.model) not in known]


def _summarise(of: Combination, trials: list[Trial], attempts: int) -> Cell:
    scored = [trial for trial in trials if trial.problem is None]
    costs = [trial.cost for trial in trials if trial.cost is not None]
    times = [trial.seconds for trial in trials if trial.seconds is not None]
    return Cell(
        of=of,
        trials=len(trials),
        scored=len(scored),
        missing=max(attempts - len(trials), 0),
        means=_means(scored),
        failures=_failures([trial for trial in trials if trial.problem is not None]),
        cost=sum(costs) if costs else None,
        seconds=sum(times) / len(times) if times else None,
    )


def _means(scored: list[Trial]) -> dict[str, float]:
    """Of each key over the trials that have it."""
    found: dict[str, list[float]] = {}
    for trial in scored:
        for key, value in trial.rewards.items():
            found.setdefault(key, []).append(value)
    return {key: sum(values) / len(values) for key, values in sorted(found.items())}


def _failures(failed: list[Trial]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for trial in failed:
        own = found.setdefault(class_of(trial.kind), {})
        kind = trial.kind or NO_EXCEPTION
        own[kind] = own.get(kind, 0) + 1
    return {name: dict(sorted(own.items())) for name, own in sorted(found.items())}


def render_grid(cells: Sequence[Cell]) -> str:
    """One table: a row a cell."""
    head = ["task", "agent", "model", "mean", "scored", "failures", "cost", "time"]
    return "\n".join(table([head, *(_row(cell) for cell in cells)]))


def _row(cell: Cell) -> list[str]:
    return [
        shown(cell.of.task, WIDTH),
        shown(cell.of.agent, WIDTH),
        shown(cell.of.model or "-", WIDTH),
        _shown_means(cell.means),
        f"{cell.scored}/{cell.trials + cell.missing}",
        _shown_failures(cell),
        shown_cost(cell.cost),
        shown_seconds(cell.seconds),
    ]


def _shown_means(means: dict[str, float]) -> str:
    if list(means) == ["reward"]:
        return number(means["reward"])
    return ", ".join(f"{shown(key, 20)} {number(mean)}" for key, mean in means.items()) or "-"


def _shown_failures(cell: Cell) -> str:
    parts = [
        f"{name}: " + ", ".join(f"{count} {shown(kind, 40)}" for kind, count in own.items())
        for name, own in cell.failures.items()
    ]
    if cell.missing:
        parts.append(f"never ran: {cell.missing}")
    return "; ".join(parts) or "-"


def shown_cost(cost: float | None) -> str:
    """US dollars, with cents or more where it is little."""
    if cost is None:
        return "-"
    return f"${cost:.2f}" if cost >= 0.1 or not cost else f"${cost:.4f}"


def shown_seconds(seconds: float | None) -> str:
    """As 12.3s, 4m 05s or 2h 05m."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest:02}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}m"


def render_trial_line(trial: Trial) -> str:
    """What became of one trial."""
    of = " ".join(shown(word, WIDTH) for word in (trial.task, trial.agent, trial.model) if word)
    if trial.problem is None:
        rewards = ", ".join(f"{shown(k, 20)} {number(v)}" for k, v in sorted(trial.rewards.items()))
        ended = rewards + (f" (and {shown(trial.exception, 200)})" if trial.exception else "")
    else:
        ended = f"failed ({class_of(trial.kind)}): {shown(trial.problem, 200)}"
    beside = [shown_seconds(trial.seconds)] if trial.seconds is not None else []
    beside += [shown_cost(trial.cost)] if trial.cost is not None else []
    return f"{of or shown(trial.name, WIDTH)}: {ended}" + "".join(f", {text}" for text in beside)


def grid_document(
    cells: Sequence[Cell], trials: Sequence[Trial], problem: str | None
) -> dict[str, Any]:
    """The grid for programs (schemas/runtime/grid.schema.json).

    `problem` says what is amiss with the job as a whole.
    """
    return {
        "version": VERSION,
        "problem": problem,
        "cells": [
            {
                "task": cell.of.task,
                "agent": cell.of.agent,
                "model": cell.of.model,
                "trials": cell.trials,
                "scored": cell.scored,
                "missing": cell.missing,
                "means": cell.means,
                "failures": cell.failures,
                "cost_usd": cell.cost,
                "mean_seconds": cell.seconds,
            }
            for cell in cells
        ],
        "trials": [_trial_document(trial) for trial in trials],
    }


def _trial_document(trial: Trial) -> dict[str, Any]:
    return {
        "name": trial.name,
        "task": trial.task,
        "agent": trial.agent,
        "model": trial.model,
        "rewards": trial.rewards if trial.problem is None else None,
        "failure": None if trial.problem is None else class_of(trial.kind),
        "exception": trial.exception,
        "problem": trial.problem,
        "cost_usd": trial.cost,
        "seconds": trial.seconds,
    }
