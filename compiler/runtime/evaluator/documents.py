"""JSON documents of the public API, made from records: pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from .budget import Amount, left
from .disclosure import document_of, result_of
from .finalization import moment
from .plan import Access, Plan, Split
from .records import Job, State, Submission

MOST_LISTED = 100


def job_document(job: Job, access: Access, details: bytes = b"") -> bytes:
    """A job as the optimiser sees it; `details` are the members of a JSON array that is set in as
    it is.
    """
    document = _brief(job)
    result = None
    if job.summary and job.state is State.DONE:
        result = result_of(access, job, job.summary)
    document.update(
        tree=job.tree,
        selection=None if job.subset.ids is None else list(job.subset.ids),
        recorded=job.recorded is not None,
        submitted=moment(job.submitted),
        finished=None,
    )
    if job.finished is not None:
        document["finished"] = moment(job.finished)
    document.update(result=result, problem=job.problem)
    if result is None or access is not Access.VIEWABLE:
        return json.dumps(document).encode()
    head = json.dumps({**document, "result": None})
    before, _, after = head.partition('"result": null')
    return before.encode() + b'"result": ' + _with_details(result, details) + after.encode()


def result_document(job: Job, access: Access, details: bytes = b"") -> bytes:
    """The result of a job that is done: what `result.json` says, and what its samples are."""
    assert job.summary is not None
    result = document_of(access, job, job.summary) or {}
    if access is not Access.VIEWABLE:
        return json.dumps(result).encode()
    return _with_details(result, details)


def results_document(jobs: Sequence[tuple[Job, Access]]) -> bytes:
    """Results without their samples, in the order of the jobs."""
    listed = [document_of(access, job, job.summary) for job, access in jobs if job.summary]
    return json.dumps({"results": [result for result in listed if result is not None]}).encode()


def submission_document(submission: Submission) -> dict[str, str]:
    return {
        "commit": submission.commit,
        "tree": submission.tree,
        "submitted": moment(submission.at),
    }


def _with_details(result: Mapping[str, object], details: bytes) -> bytes:
    return json.dumps(result)[:-1].encode() + b', "details": [' + details + b"]}"


def status_document(
    plan: Plan,
    sealed: bool,
    spent: Mapping[str, Amount],
    jobs: Sequence[Job],
    submission: Submission | None,
) -> bytes:
    """The session so far. Splits without access are not named."""
    splits = [
        _split(plan, split, spent[split.name])
        for split in plan.splits
        if split.access is not Access.NO_ACCESS
    ]
    submitted = None if submission is None else submission_document(submission)
    document = {
        "task": plan.task,
        "baseline": {"commit": plan.baseline.commit},
        "sealed": sealed,
        "submit": {"enabled": plan.submit_enabled, "submitted": submitted},
        "splits": splits,
        "jobs": [_brief(job) for job in jobs],
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
        "min_samples": split.min_samples,
        "max_samples_per_run": budget.samples_per_run if budget else None,
        "budget": {"runs": runs, "samples": samples},
    }


def _total(total: int | None, spent: int) -> dict[str, int | None] | None:
    return None if total is None else {"total": total, "left": left(total, spent)}
