"""The application behind `/ariel/delivery/`: how far the revisions of a team's repository have come, as a page.

Who may read a team's DAGs may read it.
"""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from ariel_runtime.delivery.arrival import arrival
from ariel_runtime.plugins import delivery_page, team_page
from ariel_runtime.registry import Tenant
from ariel_runtime.tenants import tenants

app = FastAPI(title="Delivery", docs_url=None, redoc_url=None, openapi_url=None)


def reader_of(team: str, user: GetUserDep) -> Tenant:
    """The team's tenant, for who may read its DAGs; 403 also where there is no team."""
    tenant = tenants().get(team)
    if tenant is None or not _may_read(user, tenant.team):
        raise HTTPException(403, f"You may not see the deliveries of {team!r}")
    return tenant


def _may_read(user: BaseUser, team: str) -> bool:
    return get_auth_manager().is_authorized_dag(method="GET", user=user, details=DagDetails(team_name=team))


ReadDep = Annotated[Tenant, Depends(reader_of)]


@app.get("/", response_class=HTMLResponse)
def page(user: GetUserDep, session: SessionDep, team: str = "") -> HTMLResponse:
    """The deliveries of one team that this person may see; of the first, where none is named."""
    seen = [each for each in tenants().values() if _may_read(user, each.team)]
    tenant = team_page.chosen(seen, team)
    return delivery_page.page(seen, tenant, arrival(tenant, session) if tenant else None)
