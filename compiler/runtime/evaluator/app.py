"""The public HTTP application: what the workbench may ask. Every answer is JSON, every error has
one shape.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .bodies import decode_commit, decode_wanted, read_body, spool_body
from .candidates import CandidateRefused, MachineryFailure
from .documents import (
    MOST_LISTED,
    error_document,
    job_document,
    result_document,
    results_document,
    status_document,
    submission_document,
)
from .records import LedgerUnusable, Refused
from .service import Service

BUNDLES_AT_ONCE = 4
NO_ID = 10**15
BUNDLE_TYPE = "application/x-git-bundle"

MOST_WAIT = 60.0
_log = logging.getLogger("mooring.evaluator")

STATUS = {
    "unknown_split": 400,
    "selection_not_allowed": 400,
    "unknown_sample": 400,
    "too_few_samples": 400,
    "run_too_large": 400,
    "no_access": 403,
    "not_found": 404,
    "unknown_commit": 404,
    "unknown_job": 404,
    "no_result": 404,
    "no_finalization": 404,
    "slow_body": 408,
    "submit_disabled": 409,
    "job_ended": 409,
    "sealed": 409,
    "bundle_too_large": 413,
    "tree_too_large": 413,
    "body_too_large": 413,
    "bad_body": 422,
    "bad_query": 422,
    "budget_spent": 429,
    "too_many_candidates": 429,
    "too_many_jobs": 429,
    "too_many_submissions": 429,
    "draining": 503,
    "unhealthy": 503,
    "queue_full": 503,
    "ledger_unusable": 503,
    "machinery": 503,
}


def make_app(service: Service) -> Starlette:
    api = _Api(service)
    app = Starlette(
        routes=[
            Route("/health", api.health, methods=["GET"]),
            Route("/status", api.status, methods=["GET"]),
            Route("/candidates", api.candidates, methods=["POST"]),
            Route("/eval", api.eval, methods=["POST"]),
            Route("/submit", api.submit, methods=["POST"]),
            Route("/jobs/{id}", api.job, methods=["GET"]),
            Route("/jobs/{id}/cancel", api.cancel, methods=["POST"]),
            Route("/results", api.results, methods=["GET"]),
            Route("/results/{id}", api.result, methods=["GET"]),
            Route("/finalization", api.finalization, methods=["GET"]),
        ],
        exception_handlers={
            Refused: _on_refused,
            CandidateRefused: _on_candidate_refused,
            LedgerUnusable: _on_ledger_unusable,
            MachineryFailure: _on_machinery,
            OSError: _on_machinery,
            HTTPException: _on_http,
            Exception: _on_bug,
        },
    )
    app.router.redirect_slashes = False  # a redirect would not have the one shape of answers
    return app


class _Api:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._bundles = asyncio.Semaphore(BUNDLES_AT_ONCE)
        self._status: tuple[int, bytes] | None = None

    async def health(self, request: Request) -> Response:
        return await health_response(self._service, self._service.health.parts)

    async def status(self, request: Request) -> Response:
        """Made anew only when the ledger has changed."""
        version = self._service.parts().ledger.version
        if self._status is None or self._status[0] != version:
            self._status = (version, await self._service.books(self._read_status))
        return _json(self._status[1])

    def _read_status(self) -> bytes:
        ledger, plan = self._service.parts().ledger, self._service.plan
        spent = {split.name: ledger.spent(split.name) for split in plan.splits}
        jobs = ledger.recent(None, NO_ID, MOST_LISTED)
        return status_document(
            plan, ledger.sealed_at() is not None, spent, jobs, ledger.submission()
        )

    async def candidates(self, request: Request) -> Response:
        if _media_type(request) != BUNDLE_TYPE:
            raise Refused("bad_body", f"expected a body of type {BUNDLE_TYPE}")
        limit = self._service.plan.limits.bundle_bytes
        self._service.parts()
        async with self._bundles:
            with tempfile.NamedTemporaryFile(dir=self._service.spool, suffix=".bundle") as file:
                await spool_body(request, Path(file.name), limit)
                received = await self._service.receive(Path(file.name))
        return JSONResponse({"commit": received.commit, "tree": received.tree}, status_code=201)

    async def eval(self, request: Request) -> Response:
        """202 for a job that waits or runs, 200 for one that repeats a recorded result."""
        job = await self._service.evaluate(decode_wanted(await read_body(request)))
        job, access, details = await self._service.shown(job)
        return _json(job_document(job, access, details), 202 if job.finished is None else 200)

    async def submit(self, request: Request) -> Response:
        submission = await self._service.submit(decode_commit(await read_body(request)))
        return JSONResponse(submission_document(submission))

    async def job(self, request: Request) -> Response:
        """`?wait=N` answers when the job has ended, or after N seconds, at most `MOST_WAIT`."""
        found = await self._service.job(_id(request), _wait(request))
        return _json(job_document(*found))

    async def cancel(self, request: Request) -> Response:
        job = await self._service.cancel(_id(request))
        return _json(job_document(*await self._service.shown(job)))

    async def results(self, request: Request) -> Response:
        """The latest, or with `?before=ID` those before a job."""
        before = request.query_params.get("before")
        last = NO_ID if before is None else _decimal(before, "bad_query")
        return _json(results_document(await self._service.results(last, MOST_LISTED)))

    async def result(self, request: Request) -> Response:
        return _json(result_document(*await self._service.result(_id(request))))

    async def finalization(self, request: Request) -> Response:
        document = await self._service.finalization()
        if document is None:
            raise Refused("no_finalization", "the session is not finalised")
        return _json(document)


async def health_response(service: Service, problems: Callable[[], list[str]]) -> Response:
    """200 or 503, with what `problems` (a function) lists."""
    with contextlib.suppress(Refused):  # it could not start: that is a problem already
        await service.parts().watch.check_ledger()
    if service.health.ok():
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "unhealthy", "problems": problems()}, status_code=503)


def _json(document: bytes | str, status: int = 200) -> Response:
    return Response(document, status_code=status, media_type="application/json")


def _id(request: Request) -> int:
    return _decimal(request.path_params["id"], "unknown_job")


def _decimal(text: str, code: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise Refused(code, "there is no such job")
    return int(text)


def _wait(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise Refused("bad_query", "wait is a number of seconds")
    return min(seconds, MOST_WAIT)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _error(code: str, message: str, status: int) -> Response:
    return JSONResponse(error_document(code, message), status_code=status)


async def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _error(error.code, error.message, STATUS[error.code])


async def _on_candidate_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, CandidateRefused)
    return _error(error.code, error.message, STATUS.get(error.code, 422))


async def _on_ledger_unusable(request: Request, error: Exception) -> Response:
    return _error("ledger_unusable", "the ledger cannot be used: nothing is left", 503)


async def _on_machinery(request: Request, error: Exception) -> Response:
    _log.error("%s %s: %s", request.method, request.url.path, error)
    return _error(
        "machinery", "the evaluator could not do it; this is not the candidate's fault", 503
    )


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    return _error(code, str(error.detail), error.status_code)


async def _on_bug(request: Request, error: Exception) -> Response:
    return _error("internal", "the evaluator failed on this request", 500)
