"""The evaluator over HTTP: one request a connection, bounded in time and size, no proxy ever."""

from __future__ import annotations

import http.client
import json
import os
from typing import IO, Any, Union
from urllib.parse import urlsplit

from .errors import REFUSED, USAGE, WORLD, ClientError
from .text import shown

VARIABLE = "MOORING_EVAL_URL"
SECONDS = 30
UPLOAD_SECONDS = 300
ANSWER_BYTES = 256 * 1024 * 1024
_LATER = "Ask again in a while; nothing was charged."
# Not what HTTP's status says: a session that is being closed stays so, a result may come yet.
_CODES = {"draining": REFUSED, "no_result": WORLD, "slow_body": WORLD}
_HINTS = {
    "no_access": "`mooring status` lists the splits that can be evaluated.",
    "unknown_job": "`mooring status` lists the evaluations.",
    "submit_disabled": "In this task the best evaluated commit is chosen; nothing is submitted.",
    "sealed": "There is nothing left to ask or to submit.",
    "draining": "There is nothing left to ask or to submit.",
    "job_ended": "`mooring results` lists what has a score.",
    "no_result": "`mooring wait JOB` waits for one that is not done; others have none.",
    "bundle_too_large": "Keep large files out of the commits made since the baseline.",
    "tree_too_large": "Keep large files out of the commit.",
    "queue_full": _LATER,
    "unhealthy": _LATER,
}
Body = Union[bytes, IO[bytes], None]


class Unreachable(ClientError):
    """No answer came; asking again may help. `sent`: the request may have arrived all the same."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(WORLD, message, word="unreachable")
        self.sent = sent


class Answered(ClientError):
    """The evaluator answered with an error; `status` is HTTP's, `word` the evaluator's code."""

    def __init__(self, status: int, word: str, message: str) -> None:
        code = _CODES.get(word, _exit_code(status))
        super().__init__(code, message, _HINTS.get(word, ""), word)
        self.status = status


def _exit_code(status: int) -> int:
    if status == 400:
        return USAGE
    return REFUSED if 401 <= status < 500 else WORLD


class Evaluator:
    """Requests raise Answered for errors of the evaluator and Unreachable when none of it came."""

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port or 80
        except ValueError:
            raise _bad_url(url) from None
        if parts.scheme != "http" or not self._host or parts.path not in ("", "/"):
            raise _bad_url(url)

    def get(self, path: str, seconds: float = SECONDS) -> dict[str, Any]:
        return self._ask("GET", path, None, {}, seconds)

    def post(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(value).encode()
        return self._ask("POST", path, body, {"Content-Type": "application/json"}, SECONDS)

    def post_bundle(self, bundle: IO[bytes], size: int) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-git-bundle", "Content-Length": str(size)}
        return self._ask("POST", "/candidates", bundle, headers, UPLOAD_SECONDS)

    def _ask(
        self, method: str, path: str, body: Body, headers: dict[str, str], seconds: float
    ) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=seconds)
        sent = False
        try:
            connection.connect()
            sent = True
            _send(connection, method, path, body, headers)
            response = connection.getresponse()
            raw = response.read(ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
            message = f"the evaluator at {self._url} cannot be reached: {why}"
            raise Unreachable(message, sent) from None
        finally:
            connection.close()
        return _decode(response.status, raw)


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Body,
    headers: dict[str, str],
) -> None:
    """A body that is refused while it is being sent has its answer waiting all the same."""
    try:
        connection.request(method, path, body=body, headers={**headers, "Connection": "close"})
    except (BrokenPipeError, ConnectionResetError):
        if not isinstance(body, (bytes, type(None))):
            return
        raise


def _decode(status: int, raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw.decode("utf-8")) if len(raw) <= ANSWER_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if status >= 300:
        raise _answered(status, document)
    if not isinstance(document, dict):
        raise ClientError(WORLD, "the evaluator's answer is not a JSON object")
    return document


def _answered(status: int, document: Any) -> Answered:
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        word = shown(error.get("code", status), 60)
        return Answered(status, word, f"{error['message']} ({word})")
    message = f"the evaluator answered with HTTP status {status} and no explanation"
    return Answered(status, f"http_{status}", message)


def find_evaluator() -> Evaluator:
    """The evaluator that the environment names."""
    url = os.environ.get(VARIABLE, "")
    if not url:
        raise ClientError(
            WORLD,
            f"the environment has no {VARIABLE}, the evaluator's address",
            "It is set in the task's workbench; a login shell or `sudo` may have dropped it.",
        )
    return Evaluator(url)


def _bad_url(url: str) -> ClientError:
    return ClientError(WORLD, f"{VARIABLE} is {url!r}, which is not http://HOST:PORT")
