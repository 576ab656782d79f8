"""JSON documents of the public API, made from records: pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from .budget import Amount, left
from .disclosure import result_of
from .finalise import moment
from .plan import Access, Plan, Split
from .records import Job, Purpose, State

MOST_JOBS = 100


def job_document(job: Job, access: Access, details: bytes = b"") -> bytes:
    """A job as the optimiser sees it; `details` are the members of a JSON array that is set in as
    it is.
    """
    document = _brief(job)
    result = result_of(access, job.summary) if job.summary and job.state is State.DONE else None
    document.update(tree=job.tree, submitted=moment(job.submitted), finished=None)
    if job.finished is not None:
        document["finished"] = moment(job.finished)
    document.update(result=result, problem=job.problem)
    if result is None or access is not Access.VIEWABLE:
        return json.dumps(document).encode()
    head = json.dumps({**document, "result": None})
    shown = json.dumps(result)[:-1].encode() + b', "details": [' + details + b"]}"
    before, _, after = head.partition('"result": null')
    return before.encode() + b'"result": ' + shown + after.encode()


def status_document(
    plan: Plan, sealed: bool, spent: Mapping[str, Amount], jobs: Sequence[Job]
) -> bytes:
    """The session so far. Splits without access are not named."""
    splits = [
        _split(plan, split, spent[split.name])
        for split in plan.splits
        if split.access is not Access.NO_ACCESS
    ]
    requested = [job for job in jobs if job.purpose is Purpose.REQUESTED]
    document = {
        "task": plan.task,
        "baseline": {"commit": plan.baseline.commit},
        "sealed": sealed,
        "splits": splits,
        "jobs": [_brief(job) for job in requested[-MOST_JOBS:]],
    }
    return json.dumps(document).encode()


def error_document(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message}}


def _brief(job: Job) -> dict[str, object]:
    return {"id": str(job.id), "split": job.split, "commit": job.commit, "state": job.state.value}


def _split(plan: Plan, split: Split, spent: Amount) -> dict[str, object]:
    budget = plan.budget(split.name)
    runs = _total(budget.runs, spent.runs) if budget else None
    samples = _total(budget.samples, spent.samples) if budget else None
    return {
        "name": split.name,
        "access": split.access.value,
        "samples": split.samples,
        "budget": {"runs": runs, "samples": samples},
    }


def _total(total: int | None, spent: int) -> dict[str, int | None] | None:
    return None if total is None else {"total": total, "left": left(total, spent)}
