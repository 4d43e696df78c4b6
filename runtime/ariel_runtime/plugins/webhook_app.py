"""The application behind `/ariel/webhook/<tenant>`: a new revision is announced, and its state is told.

To announce needs no sign-in: the key in `X-Webhook-Key`, or GitHub's signature, is the proof. To read the state, and to
issue the first key, does. A refusal has the status and the text for the caller; a vault or mirror that fails, 502.
"""

from __future__ import annotations

from typing import Annotated, Final

import structlog
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from ariel_runtime.delivery import webhook
from ariel_runtime.delivery.arrival import Arrival, arrival
from ariel_runtime.delivery.guesses import MINUTE, MOST_PER_MINUTE, Guesses
from ariel_runtime.delivery.webhook import Arrived, NobodyError, RefusedCallError
from ariel_runtime.plugins.delivery_app import ReadDep
from ariel_runtime.plugins.secrets_app import TenantDep
from ariel_runtime.registry import Tenant
from ariel_runtime.secrets.desk import VaultFailedError
from ariel_runtime.tenants import tenants

LARGEST: Final = 2**20
"""Bytes of a body. GitHub's own limit is 25 MiB; a push that is larger than this is left to polling."""

_GUESSES: Final = Guesses()
_LOG = structlog.get_logger(__name__)

app = FastAPI(title="Webhook", docs_url=None, redoc_url=None, openapi_url=None)


class Issued(BaseModel):
    team: str
    secrets: list[str]
    """Names in the team's vault."""


@app.post("/{team}", response_model=None)
async def announce(
    team: str,
    request: Request,
    key: Annotated[str, Header(alias="X-Webhook-Key")] = "",
    signature: Annotated[str, Header(alias="X-Hub-Signature-256")] = "",
    event: Annotated[str, Header(alias="X-GitHub-Event")] = "",
) -> Arrived | JSONResponse:
    """Fetch now; answers when the mirror serves what is newest, with its revision."""
    if key:
        return await run_in_threadpool(lambda: webhook.by_key(_known(team), key))
    if not signature:
        raise NobodyError
    body = await _bounded(request)
    arrived = await run_in_threadpool(lambda: webhook.by_signature(_known(team), event, body, signature))
    if arrived is not None:
        return arrived
    # A ping is how GitHub tries a new webhook.
    said = "a ping" if event == "ping" else "not a push to the tenant's branch"
    return JSONResponse({"ignored": said}, 200 if event == "ping" else 202)


@app.post("/{team}/key")
def issue(tenant: TenantDep, user: GetUserDep, anew: bool = False) -> Issued:
    """Write the current key, GitHub's secret and the URL into the team's vault."""
    names = webhook.issue(tenant, anew=anew)
    _LOG.info("The webhook's key was issued", team=tenant.team, anew=anew, by=user.get_name())
    return Issued(team=tenant.team, secrets=names)


@app.get("/{team}")
def state(tenant: ReadDep, session: SessionDep) -> Arrival:
    return arrival(tenant, session)


def _known(team: str) -> Tenant:
    tenant = tenants().get(team)
    if tenant is None:
        raise NobodyError
    return tenant


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise RefusedCallError(413, f"a body of at most {LARGEST} bytes; polling will bring the revision")
    return bytes(body)


@app.exception_handler(NobodyError)
async def _nobody(request: Request, error: NobodyError) -> JSONResponse:
    """Counted after it was refused: who is let in neither waits for guesses nor makes room for more."""
    if not _GUESSES.add(request.path_params["team"]):
        return _refused(request, error)
    text = f"{error}, and more than {MOST_PER_MINUTE} such calls in a minute; a valid one is accepted all the same"
    return _refused(request, RefusedCallError(429, text, MINUTE))


@app.exception_handler(RefusedCallError)
def _refused(_: Request, error: RefusedCallError) -> JSONResponse:
    headers = {"Retry-After": str(error.wait)} if error.wait else None
    return JSONResponse({"detail": str(error)}, error.status, headers)


@app.exception_handler(VaultFailedError)
def _failed(_: Request, error: VaultFailedError) -> JSONResponse:
    return JSONResponse({"detail": f"the vault did not do it: {error}"}, 502)
