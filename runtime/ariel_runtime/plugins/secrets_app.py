"""The application behind `/ariel/secrets/`: a team's secrets by name, and a way to set one that never shows one.

The way for laptops and pipelines, since vaults have private addresses only. Who may: whoever Airflow lets make and
change connections and variables of that team. A refusal has status 422 and the text for the author; a vault that fails,
502.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import structlog
from airflow.api.common.trigger_dag import trigger_dag
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
    VariableDetails,
)
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.utils.types import DagRunTriggeredByType
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr

from ariel_runtime.plugins import secrets_page, team_page
from ariel_runtime.plugins.secrets_known import known, reporting_dag
from ariel_runtime.plugins.secrets_rows import rows
from ariel_runtime.refusal import RefusedError
from ariel_runtime.registry import Tenant
from ariel_runtime.secrets.connection_form import require_connection
from ariel_runtime.secrets.desk import Desk, Entry, VaultFailedError
from ariel_runtime.secrets.names import Kind
from ariel_runtime.secrets.report import ASKED, DAG
from ariel_runtime.tenants import tenants

_LOG = structlog.get_logger(__name__)

app = FastAPI(title="Secrets", docs_url=None, redoc_url=None, openapi_url=None)


@dataclass(frozen=True, kw_only=True)
class Listed(Entry):
    named_in: tuple[str, ...]
    """`file:line` of the repository; empty too where nothing is known of it."""


class Listing(BaseModel):
    team: str
    vault: str
    secrets: list[Listed]


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
def page(user: GetUserDep, session: SessionDep, team: str = "") -> HTMLResponse:
    """The secrets of one team that this person may see, by name; of the first, where none is named."""
    seen = [each for each in tenants().values() if _may(user, "GET", each.team)]
    tenant = team_page.chosen(seen, team)
    return secrets_page.page(seen, known(tenant, session) if tenant else None)


@app.post("/{team}/runs", response_class=RedirectResponse, status_code=303)
def run(tenant: TenantDep, user: GetUserDep, session: SessionDep, connection: str = "") -> str:
    """Have the team's own DAG read its repository anew and, where one is named, test a connection."""
    dag_id = f"{tenant.slug}{DAG}"
    details = DagDetails(id=dag_id, team_name=tenant.team)
    entity = DagAccessEntity.RUN
    if not get_auth_manager().is_authorized_dag(method="POST", access_entity=entity, details=details, user=user):
        raise HTTPException(403, f"You may not run {dag_id}")
    if reporting_dag(tenant, session) is None:
        raise HTTPException(404, f"The repository of {tenant.team!r} has no DAG {dag_id}")
    conf = {ASKED: [connection] if connection else []}
    name, triggered_by = user.get_name(), DagRunTriggeredByType.UI
    try:
        trigger_dag(dag_id, conf=conf, triggered_by=triggered_by, triggering_user_name=name, session=session)
    except ValueError as error:
        raise HTTPException(422, f"{dag_id} cannot be run: {error}") from None
    # The page is asked for before the session would end.
    session.commit()
    _LOG.info("Its secrets are looked at", team=tenant.team, connection=connection, by=name)
    return f"../?team={tenant.team}"


@app.get("/{team}")
def listed(tenant: TenantDep, session: SessionDep) -> Listing:
    found = known(tenant, session)
    if found.fault:
        raise VaultFailedError(found.fault)
    secrets = [Listed(**asdict(row.entry), named_in=row.named_in) for row in rows(found) if row.entry is not None]
    return Listing(team=tenant.team, vault=tenant.vault.url, secrets=secrets)


@app.put("/{team}")
def set_value(tenant: TenantDep, given: Given, user: GetUserDep) -> Entry:
    value = given.value.get_secret_value()
    conn_type = require_connection(given.id, value) if given.kind is Kind.CONNECTION else None
    entry = Desk(tenant).set_value(given.kind, given.id, value, given.expires, conn_type)
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
