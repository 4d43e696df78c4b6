"""Entra's side that workloads speak to: the token endpoint, and what says where it is and which key it signs with.

Client credentials with an assertion only, a federated one or one signed by a certificate: no users, no secrets.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.arm.app import after, before
from sandbox.arm.errors import ArmError
from sandbox.arm.service import Service
from sandbox.entra.certificates import signed_by_certificate, verify
from sandbox.entra.clients import client_of
from sandbox.entra.federation import TrustedIssuer, trust
from sandbox.entra.refusals import (
    CLIENT_UNKNOWN,
    GRANT_UNKNOWN,
    NO_SECRETS,
    PARAMETER_MISSING,
    RESOURCE_UNKNOWN,
    SCOPE_WRONG,
    TENANT_UNKNOWN,
    EntraError,
)
from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, STORAGE_AUDIENCE, VAULT_AUDIENCE, TokenAuthority, issuer

AUTHORITY_HOST: Final = "login.microsoftonline.com"
TOKENS: Final = "Microsoft.Entra/tokens"
"""The type by which a fault schedule and the request log name the issue of a token; its name is the client id."""

_RESOURCES: Final = (POSTGRESQL_AUDIENCE, STORAGE_AUDIENCE, VAULT_AUDIENCE)
_JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DEFAULT: Final = "/.default"
_LONG_LIVED_SECONDS: Final = 7200
"""Tokens that live at least that long come with `refresh_in`, half their life."""


def entra_app(service: Service, authority: TokenAuthority, trusted: TrustedIssuer) -> Starlette:
    """The endpoints over the identities and applications in the emulated ARM's store."""
    face = _Face(service, authority, trusted)
    return Starlette(
        routes=[
            Route("/{tenant}/oauth2/v2.0/token", face.logged(face.token), methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", face.logged(face.configuration), methods=["GET"]),
            Route("/common/discovery/instance", face.logged(face.instance), methods=["GET"]),
            Route("/{tenant}/discovery/v2.0/keys", face.logged(face.keys), methods=["GET"]),
        ]
    )


Handler = Callable[[Request], Awaitable[Response]]


class _Face:
    def __init__(self, service: Service, authority: TokenAuthority, trusted: TrustedIssuer) -> None:
        self._service = service
        self._authority = authority
        self._trusted = trusted

    def logged(self, handler: Handler) -> Handler:
        """Entra's errors in Entra's shape, and one line in the request log; status 0 is a request without an answer."""

        async def handle(request: Request) -> Response:
            started, correlation = time.monotonic(), _correlation(request)
            status, code = 0, ""
            try:
                response = await handler(request)
                status = response.status_code
            except EntraError as error:
                response = JSONResponse(error.body(correlation), error.status)
                status, code = error.status, f"AADSTS{error.code}"
            except ArmError as error:
                response = _unavailable(error, correlation)
                status, code = error.status, error.code
            finally:
                self._service.log.write(
                    request,
                    started=started,
                    status=status,
                    code=code,
                    host=AUTHORITY_HOST,
                    client=getattr(request.state, "client", ""),
                    resource=getattr(request.state, "resource", ""),
                    correlation=correlation,
                )
            response.headers["x-ms-request-id"] = str(uuid.uuid4())
            response.headers["Cache-Control"] = "no-store, no-cache"
            return response

        return handle

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
        client = request.state.client = form.get("client_id", "")
        tenant = request.path_params["tenant"]
        fault = self._service.schedule.strike(request.method, TOKENS, f"/{tenant}/oauth2/v2.0/token/{client}")
        await before(fault, request)
        answer = self._issue(request, tenant, form)
        await after(fault, request)
        return JSONResponse(answer)

    def _issue(self, request: Request, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        self._know(tenant)
        for parameter in ("grant_type", "client_id", "scope"):
            if not form.get(parameter):
                raise PARAMETER_MISSING.because(parameter=parameter)
        if form["grant_type"] != "client_credentials":
            raise GRANT_UNKNOWN.because(grant_type=form["grant_type"])
        if form.get("client_assertion_type") != _JWT_BEARER or not form.get("client_assertion"):
            raise NO_SECRETS.because()
        world, assertion = self._service.world, form["client_assertion"]
        client = client_of(world, form["client_id"])
        if client is None:
            raise CLIENT_UNKNOWN.because(client=form["client_id"], tenant=tenant)
        if signed_by_certificate(client, assertion):
            verify(client, assertion, (f"{_base(tenant)}/oauth2/v2.0/token", f"{_base(tenant)}/v2.0", issuer(tenant)))
        else:
            trust(client, assertion, self._trusted)
        resource = request.state.resource = self._resource(form["scope"], tenant)
        shape = self._service.schedule.tokens
        lifetime = timedelta(seconds=shape.lifetime_seconds)
        token = self._authority.issue(
            tenant_id=world.settings.tenant_id,
            object_id=client.object_id,
            client_id=client.client_id,
            audience=resource,
            lifetime=lifetime,
            extra_bytes=int(shape.extra_bytes),
        )
        seconds = int(lifetime.total_seconds())
        refresh = {"refresh_in": seconds // 2} if seconds >= _LONG_LIVED_SECONDS else {}
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            **refresh,
            "access_token": token,
        }

    def _resource(self, scope: str, tenant: str) -> str:
        if not scope.endswith(_DEFAULT) or " " in scope:
            raise SCOPE_WRONG.because(scope=scope)
        resource = scope.removesuffix(_DEFAULT)
        if resource not in _RESOURCES:
            raise RESOURCE_UNKNOWN.because(resource=resource, tenant=tenant)
        return resource

    async def configuration(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        self._know(tenant)
        base = _base(tenant)
        return JSONResponse(
            {
                "issuer": issuer(tenant),
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["token"],
                "subject_types_supported": ["pairwise"],
            }
        )

    async def instance(self, _: Request) -> Response:
        """Which hosts are one cloud: a library asks before it reports why a certificate was refused.

        Entra's other hosts are left out: they do not resolve here.
        """
        tenant = self._service.world.settings.tenant_id
        hosts = {"preferred_network": AUTHORITY_HOST, "preferred_cache": AUTHORITY_HOST, "aliases": [AUTHORITY_HOST]}
        where = f"{_base(tenant)}/v2.0/.well-known/openid-configuration"
        return JSONResponse({"tenant_discovery_endpoint": where, "api-version": "1.1", "metadata": [hosts]})

    async def keys(self, request: Request) -> Response:
        self._know(request.path_params["tenant"])
        return JSONResponse(self._authority.keys)

    def _know(self, tenant: str) -> None:
        if tenant.lower() != self._service.world.settings.tenant_id.lower():
            raise TENANT_UNKNOWN.because(tenant=tenant)


def _base(tenant: str) -> str:
    return f"https://{AUTHORITY_HOST}/{tenant}"


def _correlation(request: Request) -> str:
    return request.headers.get("client-request-id") or str(uuid.uuid4())


def _unavailable(error: ArmError, correlation: str) -> Response:
    """A scheduled fault, as Entra says that it is not well. Source: AADSTS90033, a transient error has occurred."""
    body = EntraError(90033, error.status, "temporarily_unavailable", str(error)).body(correlation)
    retry = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JSONResponse(body, error.status, headers=retry)
