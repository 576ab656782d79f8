"""Trials -> what became of each task: pure, and the same in whatever order they are found.

An attempt that has usable rewards has a score, whether or not something went wrong as well. One
without is the candidate's failure or the machinery's, by the table in `faults`. Attempts of a task
are in the order in which they started.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .faults import fault_of
from .settings import Aggregate, Fault, Settings
from .trials import Trial

MOST_REWARDS = 64
_NAME_LENGTH = 64
_DETAIL = 2000
# What Harbor records of trials that it ends when it is told to stop.
_BROKEN_OFF = (None, "CancelledError", "KeyboardInterrupt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    value: float
    rewards: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`cause` is of ours, `detail` may quote the candidate."""

    fault: Fault
    cause: str
    detail: str = ""


Verdict = Score | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Collation:
    """A verdict for each wanted task that has all its attempts, the others' names in their order,
    and what was found that nobody asked for.
    """

    verdicts: Mapping[str, Verdict]
    missing: tuple[str, ...]
    reports: tuple[str, ...]


def collate(
    trials: Iterable[Trial], tasks: Sequence[str], settings: Settings, failure_value: float
) -> Collation:
    """What became of each of `tasks`."""
    groups, strangers = group(trials, tasks)
    verdicts: dict[str, Verdict] = {}
    for task in tasks:
        verdict = judge(groups[task], settings, failure_value)
        if verdict is not None:
            verdicts[task] = verdict
    return Collation(
        verdicts=verdicts,
        missing=tuple(task for task in tasks if task not in verdicts),
        reports=tuple(f"a trial of {name!r:.100}, which was not asked for" for name in strangers),
    )


def group(
    trials: Iterable[Trial], tasks: Sequence[str]
) -> tuple[dict[str, list[Trial]], list[str]]:
    """Trials by task in the order of their start, each once; and names that match no request."""
    groups: dict[str, list[Trial]] = {task: [] for task in tasks}
    strangers: set[str] = set()
    # Sorted by all that they are: two copies of one trial may differ, and one of them is taken.
    for trial in _once(sorted(trials, key=_order)):
        if trial.task in groups:
            groups[trial.task].append(trial)
        else:
            strangers.add(trial.task)
    return groups, sorted(strangers)


def _order(trial: Trial) -> tuple[object, ...]:
    rewards = "" if trial.rewards is None else json.dumps(trial.rewards, sort_keys=True)
    return (trial.started, trial.id, trial.task, rewards, trial.exception or "", trial.message)


def _once(trials: Iterable[Trial]) -> list[Trial]:
    found: dict[str, Trial] = {}
    for trial in trials:
        found.setdefault(trial.id, trial)
    return list(found.values())


def judge(attempts: Sequence[Trial], settings: Settings, failure_value: float) -> Verdict | None:
    """What a task's attempts, in order, come to; `None` when some of them are missing."""
    pairs = [(trial, verdict_of(trial, settings)) for trial in attempts]
    done = [(trial, verdict) for trial, verdict in pairs if not _is_lost(verdict)]
    if settings.aggregate is Aggregate.BEST:
        return _best(done, pairs, settings)
    if len(done) >= settings.n_attempts:
        # A run that was repeated may have tried more often: the first ones count, not the best.
        verdicts = [verdict for _, verdict in done[: settings.n_attempts]]
        return verdicts[0] if len(verdicts) == 1 else _mean(verdicts, failure_value)
    return _last_lost(pairs) if len(pairs) >= settings.n_attempts else None


def _is_lost(verdict: Verdict) -> bool:
    return isinstance(verdict, Failure) and verdict.fault is Fault.MACHINERY


def was_used_up(trials: Iterable[Trial], settings: Settings) -> bool:
    """Whether agents alone have used up the time of a run that was ended for being out of it: some
    were begun, and no trial ended by the machinery's doing but those that were broken off then.
    """
    found = list(trials)
    return any(trial.begun for trial in found) and not any(
        _is_lost(verdict_of(trial, settings)) and trial.exception not in _BROKEN_OFF
        for trial in found
    )


def _last_lost(pairs: Sequence[tuple[Trial, Verdict]]) -> Verdict | None:
    return next((verdict for _, verdict in reversed(pairs) if _is_lost(verdict)), None)


def _best(
    done: Sequence[tuple[Trial, Verdict]],
    pairs: Sequence[tuple[Trial, Verdict]],
    settings: Settings,
) -> Verdict | None:
    """Clean with rewards, then rewards and an exception, then no rewards; the later of equals. That
    there is no score is known when all attempts are done.
    """
    if len(done) >= settings.n_attempts or any(isinstance(v, Score) for _, v in done):
        ranked = sorted(enumerate(done), key=lambda item: (_rank(*item[1]), item[0]))
        return ranked[-1][1][1]
    return _last_lost(pairs) if len(pairs) >= settings.n_attempts else None


def _rank(trial: Trial, verdict: Verdict) -> int:
    if isinstance(verdict, Failure):
        return 0
    return 1 if trial.exception is not None else 2


def _mean(verdicts: Sequence[Verdict], failure_value: float) -> Verdict:
    """The mean over all; of nothing but failures the last of them."""
    scores = [verdict for verdict in verdicts if isinstance(verdict, Score)]
    if not scores:
        return verdicts[-1]
    values = [v.value if isinstance(v, Score) else failure_value for v in verdicts]
    names = set.intersection(*(set(score.rewards) for score in scores))
    rewards = {
        name: _average(
            [v.rewards[name] if isinstance(v, Score) else failure_value for v in verdicts]
        )
        for name in sorted(names)
    }
    return Score(value=_average(values), rewards=rewards)


def _average(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def verdict_of(trial: Trial, settings: Settings) -> Verdict:
    """What one attempt comes to by itself."""
    if trial.rewards or (trial.rewards is not None and trial.exception is None):
        return read_rewards(trial.rewards, settings.reward_key)
    if trial.exception is None:
        return Failure(fault=Fault.MACHINERY, cause="neither rewards nor an exception")
    fault = fault_of(trial.exception, settings.exceptions)
    if fault is Fault.MACHINERY:
        return Failure(fault=fault, cause=f"{trial.exception}: {trial.message[:_DETAIL]}")
    return Failure(fault=fault, cause=trial.exception, detail=trial.message[-_DETAIL:])


def read_rewards(rewards: Mapping[str, object], key: str | None) -> Verdict:
    """The score that the verifier's rewards hold: that of `key`, or of `pass`, or of `reward`, or
    the mean of all. A key that is absent is never another one.
    """
    numbers: dict[str, float] = {}
    for name, value in rewards.items():
        number = _finite(value)
        if number is None:
            return _unusable(f"the reward {name!r:.80} is not a finite number")
        numbers[name] = number
    if key is not None and key not in numbers:
        return _unusable(f"the verifier gave no reward {key!r}")
    if not numbers:
        return _unusable("the verifier gave no reward")
    names = (key,) if key is not None else ("pass", "reward")
    chosen = next((numbers[name] for name in names if name in numbers), None)
    value = _average(list(numbers.values())) if chosen is None else chosen
    shown = {name: number for name, number in numbers.items() if len(name) <= _NAME_LENGTH}
    return Score(value=value, rewards=shown if len(shown) <= MOST_REWARDS else {})


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _unusable(cause: str) -> Failure:
    """What a verifier makes of an agent's work is the agent's doing."""
    return Failure(fault=Fault.CANDIDATE, cause=cause)
