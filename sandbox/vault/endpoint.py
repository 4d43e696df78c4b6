"""Key Vault at `<vault>.vault.azure.net`: who asks, whether a role lets them, and the request log."""

from __future__ import annotations

import json
import time
import uuid
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.arm.app import after, before
from sandbox.arm.errors import ArmError, Refusal
from sandbox.arm.resource import Resource
from sandbox.arm.service import Service
from sandbox.arm.types.keyvault import VAULT
from sandbox.data_actions import allowed
from sandbox.entra.tokens import VAULT_AUDIENCE, TokenAuthority, TokenRefused
from sandbox.vault.secrets import OPERATIONS, Operation, Question

SUFFIX: Final = ".vault.azure.net"
KIND: Final = "Microsoft.KeyVault/secrets"
"""The type by which a fault schedule names a request here; its path is /<vault>/<secret>."""

# Source: Azure Key Vault REST API error codes.
NO_TOKEN: Final = Refusal(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
TOKEN_REFUSED: Final = Refusal(401, "Unauthorized", "AKV10032: Invalid token. {reason}")
FORBIDDEN: Final = Refusal(
    403,
    "Forbidden",
    "Caller is not authorized to perform action on resource.\nIf role assignments, deny assignments or role "
    "definitions were changed recently, please observe propagation time.\nCaller: oid={principal}\n"
    "Action: '{action}'\nResource: '{resource}'",
)
BAD_JSON: Final = Refusal(400, "BadParameter", "The request body is no JSON.")
NO_VAULT: Final = Refusal(404, "VaultNotFound", "The vault {name} does not exist.")


def vault_app(service: Service, authority: TokenAuthority) -> Starlette:
    """Answers for every vault's host name."""
    face = _Face(service, authority)
    return Starlette(
        routes=[
            Route(path, partial(_asked, face, operation), methods=[method])
            for (method, path), operation in OPERATIONS.items()
        ]
    )


async def _asked(face: _Face, operation: Operation, request: Request) -> Response:
    return await face.answer(request, operation)


class _Face:
    def __init__(self, service: Service, authority: TokenAuthority) -> None:
        self._service = service
        self._authority = authority

    async def answer(self, request: Request, operation: Operation) -> Response:
        """One line in the request log, never a value; status 0 is a request that got no answer."""
        started, status, code = time.monotonic(), 0, ""
        try:
            response = await self._answer(request, operation)
            status = response.status_code
        except ArmError as error:
            retry = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
            response = JSONResponse(error.body(), error.status, headers=retry)
            status, code = error.status, error.code
        finally:
            self._service.log.write(
                request,
                started=started,
                status=status,
                code=code,
                host=_host(request),
                principal=getattr(request.state, "principal", ""),
                correlation=request.headers.get("x-ms-client-request-id") or str(uuid.uuid4()),
            )
        if status == 401:
            tenant = self._service.world.settings.tenant_id
            where = f'authorization="https://login.microsoftonline.com/{tenant}"'
            response.headers["WWW-Authenticate"] = f'Bearer {where}, resource="{VAULT_AUDIENCE}"'
        return response

    async def _answer(self, request: Request, operation: Operation) -> Response:
        vault = self._vault(_host(request))
        request.state.principal = principal = self._principal(request)
        question = Question(
            service=self._service,
            vault=vault,
            name=request.path_params.get("name", ""),
            version=request.path_params.get("version", "").strip("/"),
            body=await _body(request),
            query=request.query_params,
        )
        fault = self._service.schedule.strike(request.method, KIND, f"/{vault.name}/{question.name}")
        await before(fault, request)
        if not allowed(self._service.world, principal, operation.action, question.where, data=True):
            raise FORBIDDEN.error(principal=principal, action=operation.action, resource=question.where.text)
        given = operation.answer(question)
        await after(fault, request)
        return Response(status_code=204) if given is None else JSONResponse(given)

    def _vault(self, host: str) -> Resource:
        name = host.removesuffix(SUFFIX)
        found = next((vault for vault in self._service.world.of_type(VAULT) if vault.name.lower() == name), None)
        if found is None:
            raise NO_VAULT.error(name=name)
        return found

    def _principal(self, request: Request) -> str:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise NO_TOKEN.error()
        try:
            claims = self._authority.verify(token, VAULT_AUDIENCE)
        except TokenRefused as refused:
            raise TOKEN_REFUSED.error(reason=refused.reason) from refused
        if claims.tenant_id != self._service.world.settings.tenant_id:
            raise TOKEN_REFUSED.error(reason="Invalid issuer")
        return claims.object_id


async def _body(request: Request) -> Any:
    """None without one. Raises ArmError."""
    text = await request.body()
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise BAD_JSON.error() from error


def _host(request: Request) -> str:
    return request.headers.get("host", "").partition(":")[0].lower()
