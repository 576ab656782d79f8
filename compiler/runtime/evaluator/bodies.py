"""Reading what clients send: bounded in bytes and in time, decoded to types."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from .records import Refused

BODY_BYTES = 256 * 1024
BODY_SECONDS = 15.0
BUNDLE_SECONDS = 120.0
_WRITE_BYTES = 1 << 20
_MOST_SEED = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Body of `POST /eval`: all samples of a split, those named, or `number` that are drawn."""

    split: str
    commit: str
    samples: tuple[str, ...] | None = None
    number: int | None = None
    seed: int | None = None

    @property
    def whole(self) -> bool:
        return self.samples is None and self.number is None


async def read_body(request: Request) -> bytes:
    held = bytearray()
    async for chunk in _chunks(request, BODY_BYTES, BODY_SECONDS, "body_too_large"):
        held += chunk
    return bytes(held)


async def spool_body(request: Request, path: Path, limit: int) -> None:
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


def decode_wanted(body: bytes) -> Wanted:
    value = _object(body, {"split", "commit"}, {"samples", "num_samples", "seed"})
    samples, number, seed = value.get("samples"), value.get("num_samples"), value.get("seed")
    if not isinstance(value["split"], str):
        raise Refused("bad_body", "split is text")
    if samples is not None and number is not None:
        raise Refused("bad_body", "either samples or num_samples")
    if seed is not None and number is None:
        raise Refused("bad_body", "a seed goes with num_samples")
    return Wanted(
        split=value["split"],
        commit=_commit(value["commit"]),
        samples=None if samples is None else _ids(samples),
        number=None if number is None else _whole(number, "num_samples", 0),
        seed=None if seed is None else _whole(seed, "seed", -_MOST_SEED),
    )


def decode_commit(body: bytes) -> str:
    """The commit of the body of `POST /submit`."""
    return _commit(_object(body, {"commit"}, set())["commit"])


def _object(body: bytes, required: set[str], optional: set[str]) -> dict[str, object]:
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused("bad_body", "the body is not JSON") from None
    if not isinstance(value, dict) or not required <= set(value) <= required | optional:
        keys = ", ".join(sorted(required) + [f"{key} (optional)" for key in sorted(optional)])
        raise Refused("bad_body", f"expected an object with the keys {keys}")
    return value


def _commit(value: object) -> str:
    if not isinstance(value, str):
        raise Refused("bad_body", "commit is text")
    if len(value) not in (40, 64) or not set(value) <= set("0123456789abcdef"):
        raise Refused("bad_body", "commit is not a full object id")
    return value


def _ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused("bad_body", "samples is a list of ids, which are text")
    return tuple(value)


def _whole(value: object, key: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _MOST_SEED:
        raise Refused("bad_body", f"{key} is not a whole number that can be used")
    return value


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
