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
VIEWABLE = "viewable"
_TIERS = (VIEWABLE, "non_viewable")
_NETWORKS = ("public", "none")
# What a plan means that says nothing of it.
_UNTIL_COMPILED = {"submit_enabled": False, "network": "public"}
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Split:
    """`access` is the tier; no evaluation takes fewer than `min_samples`."""

    access: str
    min_samples: int


@dataclass(frozen=True)
class Plan:
    """`splits` are those that may be evaluated, by name; `network` is the workbench's."""

    task: str
    repository: Path
    results: Path
    baseline: str
    agent_uid: int
    splits: dict[str, Split]
    submit_enabled: bool
    network: str


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
    plan = {**_UNTIL_COMPILED, **plan}
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
        submit_enabled=_flag(plan, "submit_enabled"),
        network=_choice(plan, "network", _NETWORKS),
    )


def _splits(value: Any) -> dict[str, Split]:
    if not isinstance(value, list) or not all(isinstance(split, dict) for split in value):
        raise _Wrong("`splits` is not a list of objects")
    return {_text(split, "name"): _split(split) for split in value}


def _split(split: dict[str, Any]) -> Split:
    least = split.get("min_samples", 1)
    if not isinstance(least, int) or isinstance(least, bool) or least < 1:
        raise _Wrong("`min_samples` is not a number of samples")
    return Split(access=_choice(split, "access", _TIERS), min_samples=least)


def _flag(value: dict[str, Any], key: str) -> bool:
    found = value.get(key)
    if not isinstance(found, bool):
        raise _Wrong(f"`{key}` is neither true nor false")
    return found


def _choice(value: dict[str, Any], key: str, words: tuple[str, ...]) -> str:
    found = _text(value, key)
    if found not in words:
        raise _Wrong(f"`{key}` is none of {', '.join(words)}")
    return found


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
