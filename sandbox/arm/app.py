"""The HTTP face: sign-in, throttling, faults, routing to the engine, headers of long-running operations."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.arm.admin import admin_routes
from sandbox.arm.backing import Backing
from sandbox.arm.engine import Answer
from sandbox.arm.errors import ArmError
from sandbox.arm.faults import Fault, Schedule
from sandbox.arm.resource import Operation
from sandbox.arm.routing import answer, understand
from sandbox.arm.service import Service
from sandbox.arm.tenant import TENANT_ID
from sandbox.arm.world import Settings

METHODS = ["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD"]
ABORT = "ariel.abort"
"""Key in the ASGI scope's extensions: a callable that closes the connection without an answer (sandbox.arm.server)."""


class ConnectionDroppedError(Exception):
    """A fault closed the connection and no server is there to do it (in-process tests)."""


def create_app(
    folder: Path,
    *,
    token: str,
    settings: Settings | None = None,
    schedule: Schedule | None = None,
    clock: Callable[[], float] = time.time,
    backings: Mapping[str, Backing] | None = None,
) -> Starlette:
    """The service over the state in `folder`. `token` is what every request must bear; `schedule` brings the limits.

    `backings`: resource type -> what stands behind its resources; without any, all of it is data.
    """
    service = Service(folder, settings or Settings(tenant_id=TENANT_ID), schedule or Schedule(), clock, backings or {})
    face = _Face(service, token)
    routes = [*admin_routes(service, face.signed_in), Route("/{path:path}", face.arm, methods=METHODS)]
    app = Starlette(routes=routes, exception_handlers={Exception: _internal_error})
    app.state.service = service
    return app


class _Face:
    def __init__(self, service: Service, token: str) -> None:
        self._service = service
        self._token = token

    def signed_in(self, request: Request) -> None:
        """Raises ArmError 401. Source: ARM AuthenticationFailed, InvalidAuthenticationToken."""
        given = request.headers.get("authorization", "")
        if not given:
            raise ArmError(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")

    async def arm(self, request: Request) -> Response:
        """One request from sign-in to log; in the log, status 0 is a request that got no answer."""
        started, number = time.monotonic(), str(uuid.uuid4())
        correlation = request.headers.get("x-ms-correlation-request-id") or number
        status, code = 0, ""
        try:
            response = await self._answer(request)
            status = response.status_code
        except ArmError as error:
            response = JSONResponse(error.body(), error.status, headers=_retry(error.retry_after))
            status, code = error.status, error.code
        finally:
            self._service.log.write(
                request,
                started=started,
                status=status,
                code=code,
                query=request.url.query,
                correlation=correlation,
            )
        response.headers["x-ms-request-id"] = number
        response.headers["x-ms-correlation-request-id"] = correlation
        return response

    async def _answer(self, request: Request) -> Response:
        self.signed_in(request)
        call = understand(request.method, request.url.path, dict(request.query_params), await _body(request))
        call.conditions.update(
            {key: request.headers[key] for key in ("if-match", "if-none-match") if key in request.headers}
        )
        fault = self._service.schedule.strike(call.method, call.kind, call.path)
        await before(fault, request)
        allowance = self._service.take(call)
        if fault is not None and fault.action == "lro-fail":
            call.will_fail = {"code": fault.settings["code"], "message": fault.settings["message"]}
        try:
            given = answer(self._service, call)
        finally:
            self._service.world.store.commit()
        if given.wait is not None and given.operation is not None:
            await asyncio.sleep(given.wait)
            self._service.conclude(given.operation)
        await after(fault, request)
        return _response(request, given, allowance)


async def before(fault: Fault | None, request: Request) -> None:
    """What a fault does before the request is applied. Raises ArmError, or closes the connection."""
    if fault is None:
        return
    settings = fault.settings
    if fault.action == "delay":
        await asyncio.sleep(settings["seconds"])
    if fault.action == "fail":
        raise ArmError(settings["status"], settings["code"], settings["message"])
    if fault.action == "throttle":
        raise ArmError(429, "TooManyRequests", "The fault schedule says so.", retry_after=settings["retry_after"])
    if fault.action == "drop" and settings["when"] == "before":
        await _drop(request)


async def after(fault: Fault | None, request: Request) -> None:
    """What a fault does once the request is applied. Raises ArmError, or closes the connection."""
    if fault is None:
        return
    if fault.action == "create-then-500":
        raise ArmError(500, fault.settings["code"], fault.settings["message"])
    if fault.action == "drop" and fault.settings["when"] == "after":
        await _drop(request)


async def _internal_error(_: Request, error: Exception) -> Response:
    """A mistake in a rule is answered as ARM answers its own; the server reports it."""
    return JSONResponse(ArmError(500, "InternalServerError", f"{type(error).__name__} in the emulator.").body(), 500)


async def _body(request: Request) -> Any:
    raw = await request.body()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ArmError(400, "InvalidRequestContent", "The request content is no JSON.") from error


async def _drop(request: Request) -> None:
    abort = (request.scope.get("extensions") or {}).get(ABORT)
    if abort is None:
        raise ConnectionDroppedError
    abort()
    await asyncio.sleep(0.05)
    raise ClientDisconnect


def _retry(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _response(request: Request, given: Answer, allowance: dict[str, str]) -> Response:
    headers = {**given.headers, **allowance}
    if given.operation is not None and given.wait is None:
        headers |= _polling(request, given.operation)
    if given.body is None:
        return Response(status_code=given.status, headers=headers)
    return JSONResponse(given.body, given.status, headers=headers)


def _polling(request: Request, operation: Operation) -> dict[str, str]:
    """Where to ask for a running operation. Source: ARM documentation, asynchronous operations."""
    subscription = request.url.path.split("/")[2]
    version = request.query_params.get("api-version", "")
    base = f"{request.base_url}subscriptions/{subscription}/providers/{operation.type.split('/')[0]}/locations/global"
    return {
        "Azure-AsyncOperation": f"{base}/operationStatuses/{operation.id}?api-version={version}",
        "Location": f"{base}/operationResults/{operation.id}?api-version={version}",
        "Retry-After": str(int(max(0.0, operation.ready_at - operation.started))),
    }
