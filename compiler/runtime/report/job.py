"""A Harbor job's folder -> what became of its trials.

Read from the trials' own `result.json`: Harbor exits 0 when every trial failed, and its mean counts
a missing reward as zero, so neither says whether the figures can be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
    scored all the same; `kind` is its type. `agent` and `model` are as Harbor was told them.
    `cost` is in US dollars and `seconds` the whole trial's, where Harbor has them.
    """

    name: str
    task: str
    rewards: dict[str, float]
    problem: str | None
    exception: str | None
    kind: str | None = None
    agent: str = ""
    model: str | None = None
    cost: float | None = None
    seconds: float | None = None


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
    trials = [read_trial(path) for path in found]
    return Job(folder=folder, trials=trials, problem=_job_problem(result, len(trials)))


def list_finished(folder: Path) -> list[Path]:
    """The trials' folders whose result is written to its end; none where there is no folder yet."""
    try:
        return sorted(path for path in folder.iterdir() if _is_trial(path) and _is_finished(path))
    except OSError:
        return []


def _is_finished(trial: Path) -> bool:
    try:
        result = decode_object(read_bounded(trial / RESULT, RESULT_BYTES))
    except Unreadable:
        return False
    return bool(result.get("finished_at"))


def read_total(folder: Path) -> int | None:
    """How many trials a job has, once Harbor has said it."""
    try:
        total = decode_object(read_bounded(folder / RESULT, RESULT_BYTES)).get("n_total_trials")
    except Unreadable:
        return None
    return total if isinstance(total, int) and not isinstance(total, bool) else None


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


def read_trial(folder: Path) -> Trial:
    """The trial in a folder; one that cannot be read has a problem."""
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
        kind=exception.partition(":")[0] if exception else None,
        agent=_agent(result),
        model=_text(_agent_config(result).get("model_name")),
        cost=_number(_object(result, "agent_result").get("cost_usd")),
        seconds=_seconds(result),
    )


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _agent_config(result: dict[str, Any]) -> dict[str, Any]:
    return _object(_object(result, "config"), "agent")


def _agent(result: dict[str, Any]) -> str:
    """As the caller named it; what the agent calls itself where that is not told."""
    told = _agent_config(result)
    own = _object(result, "agent_info").get("name")
    return _text(told.get("name")) or _text(told.get("import_path")) or _text(own) or ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def _seconds(result: dict[str, Any]) -> float | None:
    """Harbor's moments end in a Z, which Python 3.9 and 3.10 do not read."""
    try:
        moments = [
            datetime.fromisoformat(str(result.get(key)).replace("Z", "+00:00"))
            for key in ("started_at", "finished_at")
        ]
        return (moments[1] - moments[0]).total_seconds()
    except (ValueError, TypeError):
        return None


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
