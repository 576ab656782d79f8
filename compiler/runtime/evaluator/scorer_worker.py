"""The process in which the task's scorer runs: loads it once, then scores one output after another.

Run as `python -I -B scorer_worker.py FOLDER MODULE FUNCTION DESCRIPTOR`. Imports nothing of the
evaluator, because the scorer's interpreter has its own packages. Requests and answers are JSON with
a big-endian u32 length before it, on a socket of their own, so that whatever the scorer prints is
no answer.

First frame out: {"ready": true} or {"ready": false, "error": ...}. Then for each {"sample",
"output"} one of {"kind": "scored", "score", "metrics"}, {"kind": "raised", "error"}, {"kind":
"unusable", "error"}.
"""

from __future__ import annotations

import importlib
import json
import math
import numbers
import os
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any

_MOST_METRICS = 64
_NAME_LENGTH = 64
_ERROR_LENGTH = 2000


class Unusable(Exception):
    """The scorer answered something that is not a score."""


def main(folder: str, module: str, function: str, descriptor: str) -> None:
    """Serves until the evaluator closes the socket."""
    _die_first()
    channel = socket.socket(fileno=int(descriptor))
    channel.set_inheritable(False)
    sys.path.insert(0, folder)
    try:
        score = getattr(importlib.import_module(module), function)
        if not callable(score):
            raise TypeError(function + " is not a function")
    except BaseException as error:
        traceback.print_exc()
        _send(channel, {"ready": False, "error": _describe(error)})
        return
    _send(channel, {"ready": True})
    while True:
        request = _receive(channel)
        if request is None:
            return
        _send(channel, _answer(score, request))


def _answer(score: Callable[[Any, Any], Any], request: dict[str, Any]) -> dict[str, Any]:
    try:
        value, metrics = _decode(score(request["sample"], request["output"]))
    except Unusable as error:
        return {"kind": "unusable", "error": str(error)}
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        traceback.print_exc()
        return {"kind": "raised", "error": _describe(error)}
    return {"kind": "scored", "score": value, "metrics": metrics}


def _decode(result: Any) -> tuple[float, dict[str, float]]:
    """(score, metrics) of what the scorer returned: a finite number, or a dict of them with the key
    `score`.
    """
    if not isinstance(result, dict):
        return _number(result, "the score"), {}
    if "score" not in result:
        raise Unusable("the scorer's dict has no key 'score'")
    if len(result) > _MOST_METRICS + 1:
        raise Unusable(f"the scorer's dict has more than {_MOST_METRICS} metrics")
    for name in result:
        if not isinstance(name, str) or len(name) > _NAME_LENGTH:
            raise Unusable(
                f"the scorer's dict has a key that is no text of at most {_NAME_LENGTH} characters"
            )
    numbers_ = {name: _number(value, "metric " + ascii(name)) for name, value in result.items()}
    return numbers_.pop("score"), numbers_


def _number(value: Any, what: str) -> float:
    if not isinstance(value, numbers.Real):
        raise Unusable(f"{what} is {type(value).__name__[:80]}, not a number")
    try:
        found = float(value)
    except OverflowError:
        raise Unusable(what + " is too large") from None
    if not math.isfinite(found):
        raise Unusable(what + " is not finite")
    return found


def _describe(error: BaseException) -> str:
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # an exception's own text may raise as well
        text = type(error).__name__
    return text[:_ERROR_LENGTH]


def _send(channel: socket.socket, value: dict[str, Any]) -> None:
    data = json.dumps(value).encode("ascii")
    channel.sendall(struct.pack(">I", len(data)) + data)


def _receive(channel: socket.socket) -> Any:
    header = _exactly(channel, 4)
    if header is None:
        return None
    data = _exactly(channel, struct.unpack(">I", header)[0])
    return None if data is None else json.loads(data.decode("utf-8"))


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    parts = []
    while size:
        part = channel.recv(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _die_first() -> None:
    """When memory is short, this process goes before the evaluator does."""
    try:
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")
    except OSError:
        print("the scorer could not lower its own claim to memory", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # threads that a scorer left behind hold nothing up
