"""Every error is answered in the one shape, with its status; slow bodies are broken off."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, cast

import pytest

from compiler.runtime.evaluator.app import STATUS, make_app
from compiler.runtime.evaluator.candidates import CandidateRefused, MachineryFailure
from compiler.runtime.evaluator.records import LedgerUnusable, Refused
from compiler.runtime.evaluator.service import Service


class Failing:
    """A service of which every part raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def parts(self) -> Any:
        raise self._error

    evaluate = None


def ask(error: Exception, method: str, path: str, *body: Any) -> tuple[int, Any]:
    """Status and document; `body` are the events in which a body comes, after which none come."""
    sent: list[Any] = []
    events = iter(body)

    async def receive() -> Any:
        event = next(events, None)
        return await asyncio.Future() if event is None else event

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    app = make_app(cast(Service, Failing(error)))
    # The framework raises a bug again, for the log, when it has answered.
    with contextlib.suppress(RuntimeError):
        asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        *((Refused(code, "said so"), status, code) for code, status in STATUS.items()),
        (CandidateRefused("tree_too_large", "said so"), 413, "tree_too_large"),
        (CandidateRefused("bad_bundle", "said so"), 422, "bad_bundle"),
        (LedgerUnusable("/state/admin/ledger.sqlite is full"), 503, "ledger_unusable"),
        (MachineryFailure("/state/admin: git failed"), 503, "machinery"),
        (OSError(28, "No space left on device", "/state/admin/x"), 503, "machinery"),
        (RuntimeError("/state/admin: a bug"), 500, "internal"),
    ],
    ids=str,
)
def test_an_error_has_its_status_and_tells_no_path(
    error: Exception, status: int, code: str
) -> None:
    found, document = ask(error, "GET", "/status")
    assert found == status
    assert set(document) == {"error"} and set(document["error"]) == {"code", "message"}
    assert document["error"]["code"] == code
    assert "/state" not in document["error"]["message"]


@pytest.mark.parametrize(
    "begin", [[], [{"type": "http.request", "body": b"{", "more_body": True}]], ids=["none", "some"]
)
def test_a_body_that_does_not_end_is_broken_off(
    monkeypatch: pytest.MonkeyPatch, begin: list[Any]
) -> None:
    monkeypatch.setattr("compiler.runtime.evaluator.bodies.BODY_SECONDS", 0.05)
    status, document = ask(RuntimeError("never asked"), "POST", "/eval", *begin)
    assert (status, document["error"]["code"]) == (408, "slow_body")


def test_a_caller_who_leaves_is_no_bug() -> None:
    gone = {"type": "http.disconnect"}
    status, document = ask(RuntimeError("never asked"), "POST", "/eval", gone)
    assert (status, document["error"]["code"]) == (422, "bad_body")
