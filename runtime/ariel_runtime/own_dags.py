"""A task names DAGs of its own tenant only, wherever it asks Airflow's Execution API.

Airflow holds connections, variables and XComs to their team, but lets every task start, clear and look at the runs of
every DAG. So a tenant's code could run with what another tenant chose, as its own identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

import structlog
from airflow.api_fastapi.execution_api.datamodels.token import TIToken
from airflow.api_fastapi.execution_api.security import _jwt_bearer, require_auth
from airflow.models.dag import DagModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import SecurityScopes
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from ariel_runtime.policies import NAME_OWN_DAGS
from ariel_runtime.refusal import Problem

_EXECUTION_API: Final = "/execution"
_LOOKED: Final = "ariel_own_dags"
"""In the scope of a request that was looked at: Airflow resolves its dependencies twice."""

_LOG: Final = structlog.get_logger(__name__)


class OwnDags:
    """Middleware of the API server, for the sake of its application alone: calls `hold` when that starts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            hold(scope["app"])
        await self._app(scope, receive, send)


def hold(api_server: FastAPI) -> None:
    """Replace the authentication of the Execution API by `require_own_dags`.

    Raises RuntimeError where there is no Execution API, which keeps the API server from starting.
    """
    mounted = [route.app for route in api_server.routes if isinstance(route, Mount) and route.path == _EXECUTION_API]
    if len(mounted) != 1 or not isinstance(mounted[0], FastAPI):
        raise RuntimeError(f"no application at {_EXECUTION_API}: nothing would hold tasks to DAGs of their tenants")
    mounted[0].dependency_overrides[require_auth] = require_own_dags


async def require_own_dags(
    security_scopes: SecurityScopes, request: Request, token: Annotated[TIToken, Depends(_jwt_bearer)]
) -> TIToken:
    """Airflow's `require_auth`, then 403 for a request whose path or query names another tenant's DAG.

    The token is verified by then, and Airflow's own routes have found the names. A DAG that is unknown is left to them.
    """
    token = await require_auth(security_scopes, request, token)
    named = {*request.query_params.getlist("dag_id"), *filter(None, [request.path_params.get("dag_id")])}
    if named and not request.scope.get(_LOOKED):
        own, bundles = await run_in_threadpool(_bundles, token.id, named)
        if problems := refused(own, bundles):
            _LOG.warning("A task named another tenant's DAG", task=str(token.id), tenant=own, dags=sorted(named))
            message = "\n".join(map(str, problems))
            raise HTTPException(403, {"reason": "access_denied", "message": message})
        request.scope[_LOOKED] = True
    return token


def refused(own: str | None, bundles: Mapping[str, str]) -> list[Problem]:
    """For each DAG of another bundle than `own`, that of the task which asks; None when the task is gone.

    `bundles`: DAG -> its bundle, which is its tenant.
    """
    return [
        Problem(
            path="dag_id",
            value=dag_id,
            rule=f"a DAG of the task's own tenant, {own!r}" if own else "none, since the task that asks is gone",
            action=NAME_OWN_DAGS,
        )
        for dag_id, bundle in sorted(bundles.items())
        if bundle != own
    ]


def _bundles(task: UUID, named: set[str]) -> tuple[str | None, dict[str, str]]:
    """The task's bundle, and those of the DAGs that exist. A DAG keeps its bundle for ever (`database.guards`)."""
    asking = (TaskInstance.dag_id == DagModel.dag_id) & (TaskInstance.id == task)
    rows = (
        select(DagModel.dag_id, DagModel.bundle_name, TaskInstance.id)
        .outerjoin(TaskInstance, asking)
        .where(DagModel.dag_id.in_(named) | (TaskInstance.id == task))
    )
    with create_session() as session:
        found = session.execute(rows).all()
    own = next((bundle for _, bundle, asker in found if asker), None)
    return own, {dag_id: bundle for dag_id, bundle, _ in found if dag_id in named}
