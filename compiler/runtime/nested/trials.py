"""Trials of a nested job as they lie on disk: one `result.json` each, read within bounds.

Only Harbor writes there, but what it writes quotes agents and verifiers: nothing of it is trusted
to have a form. A file that is no trial's is reported, with the reason, and changes nothing.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULT = "result.json"
RESULT_BYTES = 16 * 1024 * 1024
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One attempt. `task` is the name of the task's folder, or `org/name` of one that has none.
    `rewards` is `None` where there is no verifier's result, and else as it stands. `begun` says
    whether its agent was begun.
    """

    id: str
    task: str
    started: datetime
    rewards: Mapping[str, Any] | None
    exception: str | None
    message: str
    begun: bool


class Foreign(ValueError):
    """What is in the file is not the result of a trial."""


def read_trials(jobs: Path, only: str | None = None) -> tuple[list[Trial], list[str]]:
    """The trials of `<jobs>/<job>/<trial>/result.json`, of one job or of all, and what was found
    instead of some.
    """
    trials: list[Trial] = []
    reports: list[str] = []
    for path in _list_results(jobs, only):
        try:
            trials.append(decode_trial(_read(path)))
        except (Foreign, OSError) as error:
            reports.append(f"{path.relative_to(jobs)}: {error}")
    return trials, reports


def _list_results(jobs: Path, only: str | None) -> Iterator[Path]:
    # Sorted, so that reports come in one order.
    for job in sorted(path for path in _folders(jobs) if only in (None, path.name)):
        for trial in sorted(_folders(job)):
            if os.path.lexists(trial / RESULT):
                yield trial / RESULT


def _folders(path: Path) -> Iterator[Path]:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield Path(entry.path)
    except FileNotFoundError:
        return


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, _FLAGS), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Foreign("not a regular file")
        data = file.read(RESULT_BYTES + 1)
    if len(data) > RESULT_BYTES:
        raise Foreign(f"larger than {RESULT_BYTES} bytes")
    return data


def decode_trial(data: bytes) -> Trial:
    """The trial of a result's bytes; Foreign when they are no such thing."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Foreign("not JSON") from error
    if not isinstance(value, dict):
        raise Foreign("not an object")
    exception = value.get("exception_info")
    return Trial(
        id=_text(value, "id"),
        task=_task(value),
        started=_moment(value.get("started_at")),
        rewards=_rewards(value.get("verifier_result")),
        exception=None if exception is None else _text(exception, "exception_type"),
        message="" if exception is None else _text(exception, "exception_message", empty=True),
        begun=isinstance(value.get("agent_setup"), dict),
    )


def _task(value: Mapping[str, Any]) -> str:
    """Harbor picks tasks by these names, whatever a task calls itself."""
    found = value.get("task_id")
    if not isinstance(found, dict):
        raise Foreign("no task_id: not the result of a trial")
    if isinstance(found.get("path"), str):
        return _known(os.path.basename(os.path.normpath(found["path"])))
    if isinstance(found.get("org"), str) and isinstance(found.get("name"), str):
        return _known(f"{found['org']}/{found['name']}")
    raise Foreign("its task has no name")


def _known(name: str) -> str:
    if not name or name == ".":
        raise Foreign("its task has no name")
    return name


def _text(value: Any, key: str, *, empty: bool = False) -> str:
    text = value.get(key) if isinstance(value, dict) else None
    if not isinstance(text, str) or not (text or empty):
        raise Foreign(f"no {key}")
    return text


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else _EARLIEST
    except ValueError:
        return _EARLIEST
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _rewards(value: object) -> Mapping[str, Any] | None:
    if value is None:
        return None
    rewards = value.get("rewards") if isinstance(value, dict) else None
    if rewards is None:
        return None
    if not isinstance(rewards, dict):
        raise Foreign("its rewards are not an object")
    return rewards
