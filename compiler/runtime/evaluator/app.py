"""The public HTTP application: what the workbench may ask. Every answer is JSON, every error has
one shape.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .candidates import CandidateRefused, MachineryFailure
from .documents import error_document, job_document, status_document
from .records import LedgerUnusable, Purpose, Refused
from .service import Service

BODY_BYTES = 16 * 1024
BODY_SECONDS = 15.0
BUNDLE_SECONDS = 120.0
BUNDLES_AT_ONCE = 4
BUNDLE_TYPE = "application/x-git-bundle"
_WRITE_BYTES = 1 << 20

STATUS = {
    "unknown_split": 400,
    "no_access": 403,
    "not_found": 404,
    "unknown_commit": 404,
    "unknown_job": 404,
    "no_finalization": 404,
    "sealed": 409,
    "bundle_too_large": 413,
    "tree_too_large": 413,
    "body_too_large": 413,
    "bad_body": 422,
    "budget_spent": 429,
    "too_many_candidates": 429,
    "slow_body": 408,
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
            Route("/jobs/{id}", api.job, methods=["GET"]),
            Route("/finalization", api.finalization, methods=["GET"]),
        ],
        exception_handlers={
            Refused: _on_refused,
            CandidateRefused: _on_candidate_refused,
            LedgerUnusable: _on_ledger_unusable,
            MachineryFailure: _on_machinery,
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
        return Response(self._status[1], media_type="application/json")

    def _read_status(self) -> bytes:
        ledger, plan = self._service.parts().ledger, self._service.plan
        spent = {split.name: ledger.spent(split.name) for split in plan.splits}
        sealed = ledger.sealed_at() is not None
        return status_document(plan, sealed, spent, ledger.jobs(Purpose.REQUESTED))

    async def candidates(self, request: Request) -> Response:
        if _media_type(request) != BUNDLE_TYPE:
            raise Refused("bad_body", f"expected a body of type {BUNDLE_TYPE}")
        limit = self._service.plan.limits.bundle_bytes
        self._service.parts()
        async with self._bundles:
            with tempfile.NamedTemporaryFile(dir=self._service.spool, suffix=".bundle") as file:
                await _spool(request, Path(file.name), limit)
                received = await self._service.receive(Path(file.name))
        return JSONResponse({"commit": received.commit, "tree": received.tree}, status_code=201)

    async def eval(self, request: Request) -> Response:
        split, commit = _decode_eval(await _read_body(request))
        job = await self._service.submit(split, commit)
        found = self._service.plan.split(job.split)
        assert found is not None
        body = job_document(job, found.access)
        return Response(body, status_code=202, media_type="application/json")

    async def job(self, request: Request) -> Response:
        name = request.path_params["id"]
        if not (name.isascii() and name.isdecimal() and len(name) <= 15):
            raise Refused("unknown_job", "there is no such job")
        job, access, details = await self._service.job(int(name))
        return Response(job_document(job, access, details), media_type="application/json")

    async def finalization(self, request: Request) -> Response:
        document = await self._service.finalization()
        if document is None:
            raise Refused("no_finalization", "the session is not finalised")
        return Response(document, media_type="application/json")


async def health_response(service: Service, problems: Callable[[], list[str]]) -> Response:
    """200 or 503, with what `problems` (a function) lists."""
    with contextlib.suppress(Refused):  # it could not start: that is a problem already
        await service.parts().watch.check_ledger()
    if service.health.ok():
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "unhealthy", "problems": problems()}, status_code=503)


async def _spool(request: Request, path: Path, limit: int) -> None:
    """Writes the body into a file, a MiB at a time off the loop; stops at the limit or the
    deadline.
    """
    with path.open("wb", buffering=0) as file:
        held = bytearray()
        async for chunk in _chunks(request, limit, BUNDLE_SECONDS, "bundle_too_large"):
            held += chunk
            if len(held) >= _WRITE_BYTES:
                await asyncio.to_thread(file.write, bytes(held))
                held.clear()
        await asyncio.to_thread(file.write, bytes(held))


async def _read_body(request: Request) -> bytes:
    held = bytearray()
    async for chunk in _chunks(request, BODY_BYTES, BODY_SECONDS, "body_too_large"):
        held += chunk
    return bytes(held)


async def _chunks(request: Request, limit: int, seconds: float, code: str) -> AsyncIterator[bytes]:
    """The body in pieces; raises `Refused` when it is larger than `limit` bytes, or slower than
    `seconds`.
    """
    message = f"the body may have {limit} bytes"
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 15 or int(announced) > limit:
        raise Refused(code, message)
    size = 0
    deadline = asyncio.get_running_loop().time() + seconds
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise Refused("slow_body", f"the body took longer than {seconds:g} s") from None
        except ClientDisconnect:
            raise Refused("bad_body", "the connection ended before the body did") from None
        if chunk is None:
            return
        size += len(chunk)
        if size > limit:
            raise Refused(code, message)
        yield chunk


def _decode_eval(body: bytes) -> tuple[str, str]:
    """(split, commit) of the body of `POST /eval`."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused("bad_body", "the body is not JSON") from None
    if not isinstance(value, dict) or set(value) != {"split", "commit"}:
        raise Refused("bad_body", "expected an object with the keys split and commit")
    split, commit = value["split"], value["commit"]
    if not isinstance(split, str) or not isinstance(commit, str):
        raise Refused("bad_body", "split and commit are text")
    if len(commit) not in (40, 64) or not set(commit) <= set("0123456789abcdef"):
        raise Refused("bad_body", "commit is not a full object id")
    return split, commit


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
    return _error(
        "machinery", "the evaluator could not do it; this is not the candidate's fault", 503
    )


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    return _error(code, str(error.detail), error.status_code)


async def _on_bug(request: Request, error: Exception) -> Response:
    return _error("internal", "the evaluator failed on this request", 500)
