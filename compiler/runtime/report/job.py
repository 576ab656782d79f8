"""A Harbor job's folder -> what became of its trials.

Read from the trials' own `result.json`: Harbor exits 0 when every trial failed, and its mean counts
a missing reward as zero, so neither says whether the figures can be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import Unreadable, decode_object, is_number, read_bounded

RESULT = "result.json"
CONFIG = "config.json"
RESULT_BYTES = 256 * 1024 * 1024


class JobError(Exception):
    """The folder does not hold a Harbor job."""


@dataclass(frozen=True)
class Trial:
    """How a trial ended: its `rewards`, or the `problem` of one without.

    `exception` is what Harbor recorded beside a reward: an agent that used up all its time is
    scored all the same.
    """

    name: str
    task: str
    rewards: dict[str, float]
    problem: str | None
    exception: str | None


@dataclass(frozen=True)
class Job:
    """The trials in the order of their names, and what is amiss with the job as a whole."""

    folder: Path
    trials: list[Trial]
    problem: str | None

    @property
    def good(self) -> bool:
        """True when the job ran to its end and every trial has a reward."""
        return self.problem is None and all(trial.problem is None for trial in self.trials)


def read_job(folder: Path) -> Job:
    """The job in `folder`; raises JobError when Harbor has written no result there."""
    try:
        result = decode_object(read_bounded(folder / RESULT, RESULT_BYTES))
        found = sorted(path for path in folder.iterdir() if _is_trial(path))
    except (Unreadable, OSError) as error:
        raise JobError(f"{folder / RESULT} cannot be used: {error}") from None
    trials = [_read_trial(path) for path in found]
    return Job(folder=folder, trials=trials, problem=_job_problem(result, len(trials)))


def _is_trial(path: Path) -> bool:
    """A folder that Harbor began a trial in: its configuration is the first file there."""
    if path.is_symlink() or not path.is_dir():
        return False
    return (path / CONFIG).exists() or (path / RESULT).exists()


def _job_problem(result: dict[str, Any], found: int) -> str | None:
    if not result.get("finished_at"):
        return "the job did not run to its end"
    total = result.get("n_total_trials")
    if total != found or not found:
        return f"the job has {found} of {total} trials"
    return None


def _read_trial(folder: Path) -> Trial:
    try:
        result = decode_object(read_bounded(folder / RESULT, RESULT_BYTES))
    except Unreadable as error:
        problem = f"{RESULT} cannot be used: {error}"
        return Trial(name=folder.name, task="", rewards={}, problem=problem, exception=None)
    rewards, exception = _rewards(result), _exception(result)
    return Trial(
        name=folder.name,
        task=str(result.get("task_name", "")),
        rewards=rewards,
        problem=None if rewards else exception or "it has no reward",
        exception=exception,
    )


def _rewards(result: dict[str, Any]) -> dict[str, float]:
    """Rewards of a verified trial; one that is no number makes all of them useless."""
    verified = result.get("verifier_result")
    rewards = verified.get("rewards") if isinstance(verified, dict) else None
    if not isinstance(rewards, dict) or not all(map(is_number, rewards.values())):
        return {}
    return {str(key): float(value) for key, value in rewards.items()}


def _exception(result: dict[str, Any]) -> str | None:
    exception = result.get("exception_info")
    if not isinstance(exception, dict):
        return None
    kind = exception.get("exception_type", "an exception")
    message = str(exception.get("exception_message") or "").strip().splitlines()
    return f"{kind}: {message[0]}" if message else str(kind)
