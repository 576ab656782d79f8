"""A Harbor job's folder -> what became of its trials.

Read from the trials' own `result.json`: Harbor exits 0 when every trial failed, and its mean counts
a missing reward as zero, so neither says whether the figures can be used.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class JobError(Exception):
    """The folder does not hold a finished Harbor job."""


@dataclass(frozen=True)
class Trial:
    """How a trial ended: `rewards` of a good one, or the `problem` of one without."""

    name: str
    task: str
    rewards: dict[str, float]
    problem: str | None


@dataclass(frozen=True)
class Job:
    """The trials in the order of their names, and what is amiss with the job as a whole."""

    folder: Path
    trials: list[Trial]
    problem: str | None

    @property
    def good(self) -> bool:
        """True when the job ran to its end and every trial has a reward and no exception."""
        return self.problem is None and all(trial.problem is None for trial in self.trials)


def read_job(folder: Path) -> Job:
    """The job in `folder`; raises JobError when Harbor has written no result there."""
    result = _read_object(folder / "result.json")
    trials = [_read_trial(path) for path in sorted(folder.iterdir()) if path.is_dir()]
    return Job(folder=folder, trials=trials, problem=_job_problem(result, len(trials)))


def _read_object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise JobError(f"cannot read {path}: {error}") from error
    if not isinstance(data, dict):
        raise JobError(f"{path} is not a JSON object")
    return data


def _job_problem(result: dict[str, Any], found: int) -> str | None:
    if not result.get("finished_at"):
        return "the job did not run to its end"
    total = result.get("n_total_trials")
    if total != found or not found:
        return f"the job has {found} of {total} trials"
    return None


def _read_trial(folder: Path) -> Trial:
    try:
        result = _read_object(folder / "result.json")
    except JobError as error:
        return Trial(name=folder.name, task="", rewards={}, problem=str(error))
    rewards = _rewards(result)
    return Trial(
        name=folder.name,
        task=str(result.get("task_name", "")),
        rewards=rewards,
        problem=_trial_problem(result, rewards),
    )


def _rewards(result: dict[str, Any]) -> dict[str, float]:
    verified = result.get("verifier_result")
    rewards = verified.get("rewards") if isinstance(verified, dict) else None
    if not isinstance(rewards, dict):
        return {}
    return {str(key): float(value) for key, value in rewards.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _trial_problem(result: dict[str, Any], rewards: dict[str, float]) -> str | None:
    exception = result.get("exception_info")
    if isinstance(exception, dict):
        kind = exception.get("exception_type", "an exception")
        message = str(exception.get("exception_message", "")).strip().splitlines()
        return f"{kind}: {message[0]}" if message else str(kind)
    return None if rewards else "it has no reward"
