"""The application behind `/ariel/secrets/`: a team's secrets by name, and a way to set one that never shows one.

The way for laptops and pipelines, since vaults have private addresses only. Who may: whoever Airflow lets make and
change connections and variables of that team. A refusal has status 422 and the text for the author; a vault that fails,
502.
"""

from __future__ import annotations

from html import escape
from typing import Annotated, Final

import structlog
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, VariableDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr

from ariel_runtime.refusal import RefusedError
from ariel_runtime.registry import Tenant
from ariel_runtime.secrets.connection_form import require_connection
from ariel_runtime.secrets.desk import Desk, Entry, VaultFailedError
from ariel_runtime.secrets.names import Kind
from ariel_runtime.tenants import tenants

_LOG = structlog.get_logger(__name__)

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
_STYLE: Final = "body{font-family:sans-serif;margin:2rem}th,td{text-align:left;padding:.2rem 1.5rem .2rem 0}"
_PAGE: Final = (
    f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Secrets</title><style>{_STYLE}</style></head>'
    "<body><h1>Secrets</h1><p>By name; nothing shows a value.</p>SECTIONS</body></html>"
)

app = FastAPI(title="Secrets", docs_url=None, redoc_url=None, openapi_url=None)


class Listing(BaseModel):
    team: str
    vault: str
    secrets: list[Entry]


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Kind
    id: str
    value: SecretStr
    expires: AwareDatetime | None = None


def tenant_of(team: str, request: Request, user: GetUserDep) -> Tenant:
    """The team's tenant, for who may do this with its connections and variables; 403 also where there is no team."""
    # To set one may be to make it or to replace it.
    methods: tuple[ResourceMethod, ...] = ("GET",) if request.method == "GET" else ("POST", "PUT")
    tenant = tenants().get(team)
    if tenant is None or not all(_may(user, method, tenant.team) for method in methods):
        raise HTTPException(403, f"You may not {'see' if request.method == 'GET' else 'set'} the secrets of {team!r}")
    return tenant


def _may(user: BaseUser, method: ResourceMethod, team: str) -> bool:
    manager = get_auth_manager()
    return manager.is_authorized_connection(
        method=method, user=user, details=ConnectionDetails(team_name=team)
    ) and manager.is_authorized_variable(method=method, user=user, details=VariableDetails(team_name=team))


TenantDep = Annotated[Tenant, Depends(tenant_of)]


@app.get("/", response_class=HTMLResponse)
def page(user: GetUserDep) -> HTMLResponse:
    """The secrets of every team that this person may see, by name."""
    sections = [_section(tenant) for tenant in tenants().values() if _may(user, "GET", tenant.team)]
    text = "".join(sections) or "<p>You may see the secrets of no team.</p>"
    return HTMLResponse(_PAGE.replace("SECTIONS", text), headers={"Content-Security-Policy": _POLICY})


def _section(tenant: Tenant) -> str:
    head = f"<h2>{escape(tenant.team)}</h2><p><code>{escape(tenant.vault.url)}</code></p>"
    try:
        entries = Desk(tenant).entries()
    except VaultFailedError as error:
        return f"{head}<p>The vault does not answer: {escape(str(error))}</p>"
    if not entries:
        command = f"ariel secrets set connection ID --tenant {tenant.slug}"
        return f"{head}<p>No secrets yet: <code>{escape(command)}</code></p>"
    return f"{head}<table><tr><th>kind<th>id<th>set<th>expires<th></tr>{''.join(map(_row, entries))}</table>"


def _row(entry: Entry) -> str:
    times = [f"{when:%Y-%m-%d %H:%M} UTC" if when else "-" for when in (entry.updated, entry.expires)]
    cells = (str(entry.kind), entry.id, *times, "" if entry.enabled else "disabled")
    return f"<tr>{''.join(f'<td>{escape(cell)}' for cell in cells)}</tr>"


@app.get("/{team}")
def listed(tenant: TenantDep) -> Listing:
    return Listing(team=tenant.team, vault=tenant.vault.url, secrets=Desk(tenant).entries())


@app.put("/{team}")
def set_value(tenant: TenantDep, given: Given, user: GetUserDep) -> Entry:
    value = given.value.get_secret_value()
    if given.kind is Kind.CONNECTION:
        require_connection(given.id, value)
    entry = Desk(tenant).set_value(given.kind, given.id, value, given.expires)
    _LOG.info("A secret was set", team=tenant.team, kind=str(entry.kind), id=entry.id, by=user.get_name())
    return entry


@app.exception_handler(RefusedError)
def _refused(_: Request, error: RefusedError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 422)


@app.exception_handler(VaultFailedError)
def _failed(_: Request, error: VaultFailedError) -> JSONResponse:
    return JSONResponse({"detail": f"the vault did not do it: {error}"}, 502)


@app.exception_handler(RequestValidationError)
def _malformed(_: Request, error: RequestValidationError) -> JSONResponse:
    """Without what was given, which FastAPI would repeat."""
    where = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return JSONResponse({"detail": "; ".join(where)}, 422)
