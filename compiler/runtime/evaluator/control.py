"""The control application, on a unix socket in the admin folder: only who is inside the evaluator
gets there.
"""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .app import health_response
from .documents import error_document
from .records import LedgerUnusable, Refused
from .service import Service

SOCKET_NAME = "control.sock"


_log = logging.getLogger("mooring.evaluator")


def make_control(service: Service) -> Starlette:
    async def finalise(request: Request) -> Response:
        """Waits until the session is finalised, however long that takes. What is there is exported
        even when that fails.
        """
        try:
            document = await service.parts().finaliser.finalise()
            return Response(document, media_type="application/json")
        except (Refused, LedgerUnusable) as error:
            problem, code = "; ".join(service.health.problems()) or str(error), "unhealthy"
        except Exception as error:
            _log.exception("finalising failed")
            problem, code = f"{type(error).__name__}: {error}", "internal"
        if service.stopping:
            return JSONResponse(error_document("stopping", problem), status_code=503)
        await service.export(None, problem)
        return JSONResponse(error_document(code, problem), status_code=503)

    async def health(request: Request) -> Response:
        """`?hold=N`: see `Health.hold`."""
        if "hold" in request.query_params:
            await service.health.hold(float(request.query_params["hold"]))
        return await health_response(service, service.health.problems)

    return Starlette(
        routes=[
            Route("/finalize", finalise, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
        ]
    )
