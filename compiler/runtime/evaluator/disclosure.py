"""What the optimiser is shown of an evaluation: pure, and the only way from outcomes to anything it
can read.

| tier         | aggregate                          | per sample                               |
|--------------|------------------------------------|------------------------------------------|
| viewable     | score, metrics, counts, whether it | id, score, metrics, output, error        |
|              | is whole and whether it is a       |                                          |
|              | recorded one                       |                                          |
| non_viewable | score, rounded to `SHOWN_DECIMALS` | nothing                                  |
| no_access    | nothing                            | nothing                                  |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .dataset import Sample
from .outcomes import Failed, Lost, Outcome, Scored, Summary
from .plan import Access
from .records import Job

SHOWN_DECIMALS = 4
SHOWN_CHARACTERS = 4096
_LOST = "lost: the machinery failed on this sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """Documents for the optimiser: `result` without and `details` with one JSON text a sample, if
    any.
    """

    result: Mapping[str, object]
    details: tuple[str, ...] | None


def result_of(access: Access, job: Job, summary: Summary) -> dict[str, object] | None:
    """The aggregate as a split's tier shows it; `None` when it shows nothing."""
    if summary.score is None or access is Access.NO_ACCESS:
        return None
    if access is Access.NON_VIEWABLE:
        return {"score": round(summary.score, SHOWN_DECIMALS)}
    return {
        "score": summary.score,
        "metrics": summary.metrics,
        "samples": summary.samples,
        "scored": summary.scored,
        "failed": summary.failed,
        "lost": summary.lost,
        "complete": job.subset.ids is None,
        "recorded": job.recorded is not None,
    }


def document_of(access: Access, job: Job, summary: Summary) -> dict[str, object] | None:
    """The aggregate with what it is of: the whole of a job's `result.json`."""
    result = result_of(access, job, summary)
    if result is None:
        return None
    identity: dict[str, object] = {
        "id": str(job.id),
        "split": job.split,
        "commit": job.commit,
        "tree": job.tree,
    }
    if access is Access.VIEWABLE:
        identity["selection"] = None if job.subset.ids is None else list(job.subset.ids)
    return {**identity, **result}


def repeat(access: Access, job: Job, summary: Summary) -> Disclosed:
    """Documents of a job that repeats an earlier one's result; its `details` are there already."""
    document = document_of(access, job, summary)
    assert document is not None, "only evaluations that were shown are repeated"
    return Disclosed(result=document, details=None)


def disclose(
    access: Access,
    job: Job,
    summary: Summary,
    samples: Sequence[Sample],
    outcomes: Sequence[Outcome],
    failure_value: float,
) -> Disclosed | None:
    """Documents of a finished evaluation, or `None` when nothing of it may be written anywhere."""
    document = document_of(access, job, summary)
    if document is None:
        return None
    details = None
    if access is Access.VIEWABLE:
        pairs = zip(samples, outcomes, strict=True)
        details = tuple(_detail(sample, outcome, failure_value) for sample, outcome in pairs)
    return Disclosed(result=document, details=details)


def _detail(sample: Sample, outcome: Outcome, failure_value: float) -> str:
    detail: dict[str, object] = {
        "id": sample.id,
        "score": failure_value,
        "metrics": {},
        "output": None,
        "error": None,
    }
    if isinstance(outcome, Scored):
        detail.update(score=outcome.score, metrics=outcome.metrics, **_shown(outcome.output))
    elif isinstance(outcome, Failed):
        error = f"{outcome.cause}: {outcome.detail}" if outcome.detail else outcome.cause
        detail.update(error=error[:SHOWN_CHARACTERS], **_shown(outcome.output))
    elif isinstance(outcome, Lost):
        detail.update(error=_LOST)
    return json.dumps(detail, allow_nan=False)


def _shown(output: str | None) -> dict[str, object]:
    """An output that is small as the value it is, a large one as the beginning of its text."""
    if output is None:
        return {}
    try:
        if len(output) <= SHOWN_CHARACTERS:
            value = json.loads(output)
            json.dumps(value, allow_nan=False)
            return {"output": value}
    except (ValueError, RecursionError):
        pass  # it is shown as text, like one that is too long
    return {"output": output[:SHOWN_CHARACTERS], "output_is_text": True}
