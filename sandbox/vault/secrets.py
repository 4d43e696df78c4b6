"""Key Vault at `<vault>.vault.azure.net`: reading secrets, of all that its data plane can do.

Secrets are written through ARM, as the program does; nothing here changes one.
"""

from __future__ import annotations

import time
import uuid
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.arm.app import after, before
from sandbox.arm.errors import ArmError, Refusal
from sandbox.arm.resource import Resource
from sandbox.arm.service import Service
from sandbox.arm.types.keyvault import SECRET, VAULT
from sandbox.data_actions import allowed
from sandbox.entra.tokens import VAULT_AUDIENCE, TokenAuthority, TokenRefused

SUFFIX: Final = ".vault.azure.net"
READS: Final = "Microsoft.KeyVault/secrets"
"""The type by which a fault schedule names a request here; its path is /<vault>/<secret>."""

GET_SECRET: Final = "Microsoft.KeyVault/vaults/secrets/getSecret/action"  # noqa: S105 - the name of a data action

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
NOT_FOUND: Final = Refusal(
    404,
    "SecretNotFound",
    "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may be "
    "able to recover it using the correct recovery command.",
)
DISABLED: Final = Refusal(403, "Forbidden", "Operation get is not allowed on a disabled secret.")
NO_VAULT: Final = Refusal(404, "VaultNotFound", "The vault {name} does not exist.")


def vault_app(service: Service, authority: TokenAuthority) -> Starlette:
    """Answers for every vault's host name."""
    face = _Face(service, authority)
    return Starlette(
        routes=[
            Route("/secrets/{name}", face.get, methods=["GET"]),
            Route("/secrets/{name}/{version:path}", face.get, methods=["GET"]),
        ]
    )


class _Face:
    def __init__(self, service: Service, authority: TokenAuthority) -> None:
        self._service = service
        self._authority = authority

    async def get(self, request: Request) -> Response:
        """One line in the request log, never a value; status 0 is a request that got no answer."""
        started, status, code = time.monotonic(), 0, ""
        try:
            response = await self._read(request)
            status = response.status_code
        except ArmError as error:
            response = JSONResponse(error.body(), error.status)
            status, code = error.status, error.code
        finally:
            self._service.log.write(
                time=time.time(),
                method=request.method,
                host=_host(request),
                path=request.url.path,
                principal=getattr(request.state, "principal", ""),
                status=status,
                code=code,
                milliseconds=round((time.monotonic() - started) * 1000, 1),
                correlation=request.headers.get("x-ms-client-request-id") or str(uuid.uuid4()),
            )
        if status == 401:
            tenant = self._service.world.settings.tenant_id
            where = f'authorization="https://login.microsoftonline.com/{tenant}"'
            response.headers["WWW-Authenticate"] = f'Bearer {where}, resource="{VAULT_AUDIENCE}"'
        return response

    async def _read(self, request: Request) -> Response:
        vault, name = self._vault(_host(request)), request.path_params["name"]
        request.state.principal = principal = self._principal(request)
        fault = self._service.schedule.strike(request.method, READS, f"/{vault.name}/{name}")
        await before(fault, request)
        where = vault.path.child("secrets", name)
        if not allowed(self._service.world, principal, GET_SECRET, where, data=True):
            raise FORBIDDEN.error(principal=principal, action=GET_SECRET, resource=where.text)
        secret = self._service.world.find(where)
        version = request.path_params.get("version")
        if secret is None or secret.type != SECRET or version not in (None, "", secret.facts["version"]):
            raise NOT_FOUND.error(name=name)
        attributes = secret.properties.get("attributes") or {}
        if attributes.get("enabled") is False:
            raise DISABLED.error()
        await after(fault, request)
        return JSONResponse(_bundle(vault, secret))

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


def _bundle(vault: Resource, secret: Resource) -> dict[str, object]:
    kind = secret.properties.get("contentType")
    return {
        "value": secret.hidden["properties.value"],
        "id": secret.properties["secretUriWithVersion"],
        "attributes": {
            "enabled": True,
            "created": int(secret.created),
            "updated": int(secret.changed),
            "recoveryLevel": "Recoverable",
            "recoverableDays": vault.properties.get("softDeleteRetentionInDays", 90),
        },
        **({"contentType": kind} if kind else {}),
    }


def _host(request: Request) -> str:
    return request.headers.get("host", "").partition(":")[0].lower()
