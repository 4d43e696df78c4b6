"""The side that is not ARM, under /_sandbox/: health, everything that stands, the log, faults, applications, reset."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.arm.errors import ArmError
from sandbox.arm.faults import Schedule, read_schedule
from sandbox.arm.limits import Limits
from sandbox.entra.applications import INVALID, UNKNOWN, read_application

if TYPE_CHECKING:
    from sandbox.arm.service import Service

Handler = Callable[[Request], Awaitable[Response]]


def admin_routes(service: Service, signed_in: Callable[[Request], None]) -> list[Route]:
    """All need the bearer token except `health`, which says nothing."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def resources(_: Request) -> Response:
        service.engine.operations.settle()
        return JSONResponse([service.engine.render(found) for found in service.store.resources.values()])

    async def requests(_: Request) -> Response:
        return JSONResponse(service.log.read())

    async def faults(request: Request) -> Response:
        if request.method == "PUT":
            service.set_schedule(read_schedule(_parsed(await request.body(), "InvalidFault"), Limits()))
        if request.method == "DELETE":
            service.set_schedule(Schedule())
        return JSONResponse(service.schedule.show())

    async def applications(_: Request) -> Response:
        return JSONResponse(list(service.store.applications.values()))

    async def application(request: Request) -> Response:
        client_id = request.path_params["client_id"].lower()
        if request.method == "DELETE":
            service.store.drop_application(client_id)
            service.store.commit()
            return Response(status_code=204)
        if request.method == "PUT":
            given = _parsed(await request.body(), INVALID.code)
            service.store.put_application(client_id, read_application(client_id, given))
            service.store.commit()
        if client_id not in service.store.applications:
            raise UNKNOWN.error(client_id=client_id)
        return JSONResponse(service.store.applications[client_id])

    async def reset(_: Request) -> Response:
        service.reset()
        return Response(status_code=204)

    def guarded(handler: Handler) -> Handler:
        async def guard(request: Request) -> Response:
            try:
                signed_in(request)
                return await handler(request)
            except ArmError as error:
                return JSONResponse(error.body(), error.status)

        return guard

    return [
        Route("/_sandbox/health", health, methods=["GET"]),
        Route("/_sandbox/resources", guarded(resources), methods=["GET"]),
        Route("/_sandbox/requests", guarded(requests), methods=["GET"]),
        Route("/_sandbox/faults", guarded(faults), methods=["GET", "PUT", "DELETE"]),
        Route("/_sandbox/applications", guarded(applications), methods=["GET"]),
        Route("/_sandbox/applications/{client_id}", guarded(application), methods=["GET", "PUT", "DELETE"]),
        Route("/_sandbox/reset", guarded(reset), methods=["POST"]),
    ]


def _parsed(raw: bytes, code: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ArmError(400, code, f"$: the body is no JSON ({error}). Correct it and send it again.") from error
