"""What a plan says of the baseline: its ids, and the identity and date that the commit carries."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SHA = {"sha1": re.compile(r"[0-9a-f]{40}"), "sha256": re.compile(r"[0-9a-f]{64}")}
_TEXTS = ("commit", "tree", "object_format", "author", "email", "message")


class PlanError(ValueError):
    """The plan says nothing usable of the baseline."""


@dataclass(frozen=True)
class Baseline:
    """`time` is in seconds since the epoch, in UTC; `author` is committer as well."""

    commit: str
    tree: str
    object_format: str
    author: str
    email: str
    time: int
    message: str


def read_plan(path: Path) -> Baseline:
    """The plan's `baseline`; anything amiss is a PlanError."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"cannot read the plan {path}: {error}") from error
    baseline = plan.get("baseline") if isinstance(plan, dict) else None
    if not isinstance(baseline, dict):
        raise PlanError(f"{path} has no object `baseline`")
    return decode_baseline(baseline)


def decode_baseline(value: dict[str, Any]) -> Baseline:
    """Typed baseline of parsed JSON; keys that are not the baseline's own are not looked at."""
    for key in _TEXTS:
        if not isinstance(value.get(key), str):
            raise PlanError(f"baseline.{key}: expected text, found {value.get(key)!r}")
    time = value.get("time")
    if not isinstance(time, int) or isinstance(time, bool) or time < 0:
        raise PlanError(f"baseline.time: expected seconds since 1970, found {time!r}")
    sha = _SHA.get(value["object_format"])
    if sha is None:
        raise PlanError(
            f"baseline.object_format: expected sha1 or sha256, found {value['object_format']!r}"
        )
    for key in ("commit", "tree"):
        if sha.fullmatch(value[key]) is None:
            raise PlanError(f"baseline.{key}: {value[key]!r} is no {value['object_format']} id")
    for key in ("author", "email"):
        if re.search(r"[\n<>\0]", value[key]):
            raise PlanError(f"baseline.{key}: {value[key]!r} cannot stand in a commit")
    return Baseline(time=time, **{key: value[key] for key in _TEXTS})
