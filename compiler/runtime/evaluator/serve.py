"""Runs the evaluator: both applications in one event loop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from asyncio import Transport
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from .app import make_app
from .control import SOCKET_NAME, make_control
from .documents import error_document
from .plan import PlanA, PlanB
from .service import Service

HEADER_BYTES = 32 * 1024
HEADER_SECONDS = 15.0
REQUESTS = 512
CONNECTIONS = 1024
STOP_SECONDS = 5
_log = logging.getLogger("mooring.evaluator")


class Crowded:
    """Answers by itself, in the one shape of errors, when `REQUESTS` are being answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._open >= REQUESTS:
            message = f"{REQUESTS} requests are being answered; ask again later"
            await JSONResponse(error_document("busy", message), 503)(scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1


class BoundedProtocol(H11Protocol):
    """Closes a connection that takes longer than `HEADER_SECONDS` to begin its next request, and
    those beyond `CONNECTIONS`.
    """

    _seen: object = None
    _check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self.transport.close()
            return
        self._check = self.loop.call_later(HEADER_SECONDS, self._close_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """For what is no HTTP: the answer is in the one shape of errors all the same."""
        body = json.dumps(error_document("bad_request", msg)).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        head = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _close_idle(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if cycle is None or (cycle.response_complete and cycle is self._seen):
            self.transport.close()
            return
        self._seen = self.cycle
        self._check = self.loop.call_later(HEADER_SECONDS, self._close_idle)


class _Server(uvicorn.Server):
    """One of two servers: signals belong to `run`, not to each of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(plan: PlanA | PlanB) -> int:
    """Blocks until the evaluator is told to stop; returns an exit code."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s"
    )
    os.umask(0o077)
    return asyncio.run(_run(plan))


async def _run(plan: PlanA | PlanB) -> int:
    service = Service(plan)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await service.start()
    try:
        public = _listen_public(plan)
        control = _listen_control(plan.paths.admin / SOCKET_NAME)
    except OSError:
        _log.exception("the evaluator cannot listen")
        await service.stop()
        return 3
    servers = [_server(make_app(service)), _server(make_control(service))]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, (public, control), strict=True)
    ]
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.should_exit = True
    await service.stop()
    await asyncio.gather(*tasks, return_exceptions=True)
    return 0 if stopped.done() else 3


def _server(app: Starlette) -> _Server:
    options: dict[str, Any] = {
        "http": BoundedProtocol,
        "ws": "none",
        "lifespan": "off",
        "loop": "asyncio",
    }
    return _Server(
        uvicorn.Config(
            Crowded(app),
            **options,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=HEADER_BYTES,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


def _listen_public(plan: PlanA | PlanB) -> socket.socket:
    family = socket.AF_INET6 if ":" in plan.listen.host else socket.AF_INET
    # The protocol is named because asyncio disables Nagle only for sockets that name it.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((plan.listen.host, plan.listen.port))
    listener.listen(1024)
    return listener


def _listen_control(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(16)
    return listener
