"""An evaluation's result in lines for people: the score, what it counts, the worst samples."""

from __future__ import annotations

import json
from typing import Any

from .errors import WORLD, ClientError
from .plan import VIEWABLE, Plan
from .text import number, shown, table

ROWS = 20
IDS_SHOWN = 8
_COUNTS = ("samples", "scored", "failed", "lost")
_RECORDED = "recorded: the same files were evaluated on the same samples before; nothing charged"


def result_lines(job: dict[str, Any], plan: Plan) -> list[str]:
    """What a job that is done found, and where its files are."""
    result = job.get("result")
    if not isinstance(result, dict):
        raise ClientError(WORLD, f"job {job['id']} is done, but has no result")
    split = shown(job.get("split"), 128)
    tier = plan.splits[split].access if split in plan.splits else "?"
    lines = [f"job {job['id']}: commit {shown(job.get('commit'), 64)[:12]} on {split} ({tier})"]
    lines += [f"  {name:<8} {value}" for name, value in _aggregate(result)]
    selected = selection_text(job)
    if selected:
        lines.append(f"  {'of':<8} {selected}")
    if job.get("recorded") is True:
        lines.append(f"  {_RECORDED}")
    return lines + _file_lines(job, result, tier, plan)


def _file_lines(job: dict[str, Any], result: dict[str, Any], tier: str, plan: Plan) -> list[str]:
    folder = plan.results / str(job["id"])
    details = result.get("details")
    if tier != VIEWABLE or not isinstance(details, list) or not details:
        return ["", f"also in {folder / 'result.json'}"]
    lines = _detail_lines([item for item in details if isinstance(item, dict)])
    return ["", *lines, "", f"every sample: {folder / 'samples.jsonl'}"]


def _aggregate(result: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("score", number(result.get("score")))]
    metrics = result.get("metrics")
    if isinstance(metrics, dict):
        rows += [(shown(name, 60), number(metrics[name])) for name in sorted(metrics)]
    known = [f"{shown(result[key], 20)} {key}" for key in _COUNTS if result.get(key)]
    if "samples" in result:
        rows.append(("counts", ", ".join(known)))
    return rows


def selection_text(job: dict[str, Any]) -> str:
    """The samples that were chosen; nothing when the evaluation is of the whole split."""
    chosen = job.get("selection")
    if not isinstance(chosen, list):
        return ""
    ids = ", ".join(shown(name, 40) for name in chosen[:IDS_SHOWN])
    more = f" and {len(chosen) - IDS_SHOWN} more" if len(chosen) > IDS_SHOWN else ""
    return f"chosen samples: {ids}{more}"


def _detail_lines(details: list[dict[str, Any]]) -> list[str]:
    """The samples with the lowest scores first: those say what to work on."""
    worst = sorted(details, key=_score)[:ROWS]
    rows = [["sample", "score", "output", "error"]]
    for item in worst:
        output = json.dumps(item.get("output")) if item.get("output") is not None else "-"
        cells = (item.get("id"), number(item.get("score")), output, item.get("error") or "")
        rows.append([shown(cell, width) for cell, width in zip(cells, (24, 10, 32, 60))])
    lines = table(rows)
    if len(details) > len(worst):
        lines.append(f"... and {len(details) - len(worst)} more with no lower score")
    return lines


def _score(item: dict[str, Any]) -> float:
    value = item.get("score")
    return float(value) if isinstance(value, (int, float)) else float("-inf")
