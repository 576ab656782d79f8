"""The control application, on a unix socket in the admin folder: only who is inside the evaluator
gets there.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .app import health_response
from .documents import error_document
from .records import LedgerUnusable, Refused
from .service import Service

SOCKET_NAME = "control.sock"


def make_control(service: Service) -> Starlette:
    async def finalise(request: Request) -> Response:
        """Waits until the session is finalised, however long that takes."""
        try:
            document = await service.parts().finaliser.finalise()
        except (Refused, LedgerUnusable) as error:
            problems = "; ".join(service.health.problems()) or str(error)
            return JSONResponse(error_document("unhealthy", problems), status_code=503)
        return Response(document, media_type="application/json")

    async def health(request: Request) -> Response:
        return await health_response(service, service.health.problems)

    return Starlette(
        routes=[
            Route("/finalize", finalise, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
        ]
    )
