"""Blob Storage at `<account>.blob.core.windows.net`: who asks, what for, and whether a role gives it.

Bearer tokens only. What is permitted goes on to Azurite. Containers come and go through ARM.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Final

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sandbox.arm.app import after, before
from sandbox.arm.errors import ArmError
from sandbox.arm.resource import Resource
from sandbox.arm.service import Service
from sandbox.blob.contents import Contents
from sandbox.blob.operations import WRITE_CONTAINERS, Wanted, understand
from sandbox.blob.refusals import (
    BAD_URI,
    BUSY,
    CONTAINER_EXISTS,
    NO_ACCOUNT,
    NO_CONTAINER,
    NO_CREDENTIAL,
    NO_KEYS,
    NO_LENGTH,
    NOT_IMPLEMENTED,
    NOT_PERMITTED,
    TOKEN_REFUSED,
    answer,
)
from sandbox.data_actions import allowed
from sandbox.entra.tokens import STORAGE_AUDIENCE, TokenAuthority, TokenRefused

SUFFIX: Final = ".blob.core.windows.net"
BLOBS: Final = "Microsoft.Storage/blobs"
"""The type by which a fault schedule names a request here; its path is /<account>/<container>/<blob>."""

_NOT_FORWARDED: Final = {
    *("authorization", "connection", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    "date",
}
_NOT_RETURNED: Final = {"connection", "date", "keep-alive", "server", "transfer-encoding"}


class BlobProxy:
    """An ASGI application for every account's host name."""

    def __init__(self, service: Service, authority: TokenAuthority, contents: Contents) -> None:
        self._service = service
        self._authority = authority
        self._contents = contents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._logged(request)
        await response(scope, receive, send)

    async def _logged(self, request: Request) -> Response:
        """One line in the request log; status 0 is a request that got no answer."""
        started, status, code = time.monotonic(), 0, ""
        try:
            response = await self._answer(request)
            status, code = response.status_code, response.headers.get("x-ms-error-code", "")
        except ArmError as error:
            response = self._refused(request, error)
            status, code = error.status, error.code
        finally:
            self._service.log.write(
                request,
                started=started,
                status=status,
                code=code,
                host=_host(request),
                query=request.url.query,
                principal=getattr(request.state, "principal", ""),
                correlation=request.headers.get("x-ms-client-request-id") or str(uuid.uuid4()),
            )
        return response

    async def _answer(self, request: Request) -> Response:
        account = self._contents.account(_host(request).removesuffix(SUFFIX))
        if account is None:
            raise NO_ACCOUNT.error()
        principal = request.state.principal = self._principal(request)
        if "transfer-encoding" in request.headers:
            raise NO_LENGTH.error()
        path, query = request.scope["raw_path"].decode("ascii"), request.scope["query_string"].decode("ascii")
        wanted = understand(request.method, path, query, request.headers)
        place = f"/{account.name}/{wanted.container}/{wanted.blob}"
        fault = self._service.schedule.strike(request.method, BLOBS, place)
        await before(fault, request)
        self._permit(account, wanted, principal)
        response = await self._forward(request, account.name, path, query)
        await after(fault, request)
        return response

    def _principal(self, request: Request) -> str:
        """The object id that the token names. Raises ArmError 401, or 403 for anything but a token."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if not kind:
            if "sig" in request.query_params:
                raise NO_KEYS.error()
            raise NO_CREDENTIAL.error()
        if kind.lower() != "bearer":
            raise NO_KEYS.error()
        try:
            claims = self._authority.verify(token, STORAGE_AUDIENCE)
        except TokenRefused as refused:
            raise TOKEN_REFUSED.error(reason=refused.reason) from refused
        if claims.tenant_id != self._service.world.settings.tenant_id:
            raise TOKEN_REFUSED.error(reason="Issuer validation failed.")
        return claims.object_id

    def _permit(self, account: Resource, wanted: Wanted, principal: str) -> None:
        """Raises ArmError unless a role gives it; only who may learns whether the container exists."""
        where = account.path
        if wanted.container:
            where = where.child("blobServices", "default").child("containers", wanted.container)
        if not allowed(self._service.world, principal, wanted.permission, where, data=wanted.data):
            raise NOT_PERMITTED.error()
        if not wanted.container:
            return
        stands = self._contents.container(account.name, wanted.container) is not None
        if wanted.permission == WRITE_CONTAINERS:
            raise CONTAINER_EXISTS.error() if stands else NOT_IMPLEMENTED.error()
        if not stands:
            raise NO_CONTAINER.error()

    async def _forward(self, request: Request, account: str, path: str, query: str) -> Response:
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_FORWARDED}
        try:
            await self._contents.current()
            content = _content(request, headers)
            found = await self._contents.send(request.method, account, path, query, headers, content)
            if "comp=list" in query.split("&"):
                return await self._listing(found, account)
        except httpx.InvalidURL as error:
            raise BAD_URI.error() from error
        except (httpx.HTTPError, OSError) as error:
            raise BUSY.error() from error
        returned = _returned(found)
        return StreamingResponse(_body(found), found.status_code, headers=returned)

    async def _listing(self, found: httpx.Response, account: str) -> Response:
        """A list names the service that it came from."""
        own, public = f"{found.request.url.copy_with(raw_path=b'/')}{account}", f"https://{account}{SUFFIX}/"
        text = (await found.aread()).replace(f'ServiceEndpoint="{own}'.encode(), f'ServiceEndpoint="{public}'.encode())
        headers = {name: value for name, value in _returned(found).items() if name != "content-length"}
        return Response(text, found.status_code, headers=headers)

    def _refused(self, request: Request, error: ArmError) -> Response:
        return answer(
            error.status,
            error.code,
            error.message,
            head=request.method == "HEAD",
            tenant=self._service.world.settings.tenant_id,
        )


def _host(request: Request) -> str:
    return request.headers.get("host", "").partition(":")[0].lower()


def _content(request: Request, headers: Mapping[str, str]) -> AsyncIterator[bytes] | None:
    return request.stream() if headers.get("content-length", "0") != "0" else None


def _returned(found: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in found.headers.items() if name not in _NOT_RETURNED}


async def _body(found: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in found.aiter_raw():
            yield chunk
    finally:
        await found.aclose()
