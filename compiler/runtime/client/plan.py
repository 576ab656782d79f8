"""The workbench's plan: which repository, which splits, who the agent is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import WORLD, ClientError

DEFAULT = Path("/opt/mooring/plan.json")
VERSION = 1
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Plan:
    """`splits` maps the name of each split that may be evaluated to its tier."""

    task: str
    repository: Path
    results: Path
    baseline: str
    agent_uid: int
    splits: dict[str, str]


class _Wrong(ValueError):
    """Something in the plan is not as it has to be."""


def read_plan(path: Path) -> Plan:
    """The plan; one that cannot be used means that this is not the workbench, or a broken one."""
    try:
        return _decode(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ClientError(
            WORLD, f"there is no plan at {path}", "This command works inside the task's workbench."
        ) from None
    except (OSError, ValueError) as error:
        raise ClientError(WORLD, f"the plan {path} cannot be used: {error}") from None


def _decode(plan: Any) -> Plan:
    if not isinstance(plan, dict):
        raise _Wrong("it is not an object")
    if plan.get("plan_version") != VERSION or plan.get("service") != "main":
        raise _Wrong(f"it is not a version {VERSION} plan of the workbench")
    baseline = _text(_object(plan, "baseline"), "commit")
    if _ID.fullmatch(baseline) is None:
        raise _Wrong("baseline.commit is no full id")
    return Plan(
        task=_text(plan, "task"),
        repository=Path(_text(plan, "repository")),
        results=Path(_text(plan, "results")),
        baseline=baseline,
        agent_uid=_uid(_object(plan, "agent")),
        splits=_splits(plan.get("splits")),
    )


def _splits(value: Any) -> dict[str, str]:
    if not isinstance(value, list) or not all(isinstance(split, dict) for split in value):
        raise _Wrong("`splits` is not a list of objects")
    return {_text(split, "name"): _text(split, "access") for split in value}


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    if not isinstance(found, dict):
        raise _Wrong(f"`{key}` is not an object")
    return found


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise _Wrong(f"`{key}` is not a text")
    return found


def _uid(agent: dict[str, Any]) -> int:
    uid = agent.get("uid")
    if not isinstance(uid, int) or isinstance(uid, bool) or uid <= 0:
        raise _Wrong("`agent.uid` is not the number of a user other than root")
    return uid
