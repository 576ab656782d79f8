"""What a candidate reports of itself, taken in as bounded data: pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

MESSAGE = 4000
METADATA = 64 * 1024
ROLLOUTS = 512 * 1024
MOST_MODELS = 32
# Levels of lists and objects: Harbor's own writer gives up at some hundreds.
MOST_LEVELS = 32
_COUNTS = ("n_input_tokens", "n_cache_tokens", "n_output_tokens")
_MOST_TOKENS = 2**53
_MOST_COST = 1e9


def read_report(value: object) -> dict[str, Any]:
    """The fields of an agent's context that are what they should be; the others are left out."""
    if not isinstance(value, Mapping):
        return {}
    found: dict[str, Any] = _read_usage(value)
    models = value.get("model_usage")
    if isinstance(models, Mapping) and len(models) <= MOST_MODELS:
        usages = {read_text(name, 200): _read_usage(usage) for name, usage in models.items()}
        found["model_usage"] = {name: _whole(usage) for name, usage in usages.items()}
    for key, kind, limit in (("metadata", dict, METADATA), ("rollout_details", list, ROLLOUTS)):
        if isinstance(value.get(key), kind) and _is_small(value[key], limit):
            found[key] = value[key]
    return found


def _read_usage(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    found: dict[str, Any] = {}
    for key in _COUNTS:
        count = value.get(key)
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_TOKENS:
            found[key] = count
    cost = value.get("cost_usd")
    if isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost <= _MOST_COST:
        found["cost_usd"] = float(cost)
    return found


def _whole(usage: dict[str, Any]) -> dict[str, Any]:
    return {**dict.fromkeys(_COUNTS, 0), **usage}


def _is_small(value: Any, limit: int) -> bool:
    """Whether it is JSON that anybody can write down: of bounded size and depth, in UTF-8."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        return len(text.encode()) <= limit and _is_flat(value)
    except (ValueError, RecursionError):
        return False


def _is_flat(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_LEVELS):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [child for items in inner for child in items if isinstance(child, (dict, list))]
        if not level:
            return True
    return False


def read_text(value: object, limit: int = MESSAGE) -> str:
    """A text of the candidate's, as one that can be written anywhere."""
    text = value if isinstance(value, str) else ""
    return text[-limit:].encode("utf-8", "replace").decode()


def read_seconds(value: object, most: float) -> float:
    """A time limit that the candidate asks for, or `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return most
    seconds = float(value) if abs(value) < _MOST_TOKENS else math.inf
    return seconds if 0 < seconds < most else most
