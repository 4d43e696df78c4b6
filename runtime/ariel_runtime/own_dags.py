"""A task asks Airflow's Execution API about itself and about DAGs of its own tenant.

Airflow lets every task start, clear and look at the runs of every DAG: a tenant's code could run with what another
tenant chose, as its own identity. And a task that is gone, since its next try has its place, counts there as one of no
team, whose variables are everybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import structlog
from airflow.api_fastapi.execution_api.datamodels.token import TIToken
from airflow.api_fastapi.execution_api.deps import DepContainer
from airflow.api_fastapi.execution_api.security import JWTBearer, _jwt_bearer
from airflow.models.dag import DagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.utils.session import create_session
from fastapi import HTTPException, Request
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from ariel_runtime.policies import NAME_OWN_DAGS
from ariel_runtime.refusal import Problem

_OF_ITSELF: Final = frozenset({"task_instance_id", "connection_test_id"})
"""In a path, what Airflow compares with the token."""

_LOOKED: Final = "ariel_own_dags"
"""In the scope of a request that was looked at: Airflow resolves its dependencies twice."""

_LOG: Final = structlog.get_logger(__name__)


class OwnDags:
    """Middleware of the API server, for the sake of its beginning alone: from then on tokens are looked at as below."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # An override of FastAPI's would have it analyse all dependencies anew, with every request: 3 ms of CPU.
        _jwt_bearer.__class__ = OwnDagsBearer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class OwnDagsBearer(JWTBearer):
    """What Airflow authenticates each request of the Execution API by; then 403 for what is not the task's to ask.

    The token is verified by then, and Airflow's own routes have found the names. A DAG that is unknown is left to them.
    """

    async def __call__(self, request: Request, services: Any = DepContainer) -> TIToken | None:  # type: ignore[override]
        token = await super().__call__(request, services)
        if token is not None and not request.scope.get(_LOOKED):
            named = {*request.query_params.getlist("dag_id"), *filter(None, [request.path_params.get("dag_id")])}
            if named or not _OF_ITSELF & request.path_params.keys():
                await run_in_threadpool(_look, token.id, named)
            request.scope[_LOOKED] = True
        return token


def _refused(own: str | None, bundles: Mapping[str, str]) -> list[Problem]:
    """For each DAG of another bundle than `own`; `bundles`: DAG -> its bundle, which is its tenant."""
    return [
        Problem(path="dag_id", value=dag_id, rule=f"a DAG of the task's own tenant, {own!r}", action=NAME_OWN_DAGS)
        for dag_id, bundle in sorted(bundles.items())
        if bundle != own
    ]


def _look(task: UUID, named: set[str]) -> None:
    """Raises HTTPException. A DAG keeps its bundle for ever (`database.guards`)."""
    asking = select(DagModel.bundle_name).join(TaskInstance, TaskInstance.dag_id == DagModel.dag_id)
    past = select(DagModel.bundle_name).join(TaskInstanceHistory, TaskInstanceHistory.dag_id == DagModel.dag_id)
    known = select(DagModel.dag_id, DagModel.bundle_name).where(DagModel.dag_id.in_(named))
    with create_session() as session:
        own = session.scalar(asking.where(TaskInstance.id == task))
        if own is None and named:
            # A task's callbacks run when its next try has taken its place already.
            own = session.scalar(past.where(TaskInstanceHistory.task_instance_id == task))
        bundles = dict(session.execute(known).all()) if named else {}
    problems = _refused(own, bundles) if own else [_gone(task)]
    if problems:
        _LOG.warning("A task asked for what is not its own", task=str(task), tenant=own, dags=sorted(named))
        raise HTTPException(403, {"reason": "access_denied", "message": "\n".join(map(str, problems))})


def _gone(task: UUID) -> Problem:
    return Problem(
        path="task instance",
        value=str(task),
        rule="one that is there: the next try of the task has taken its place, or the run is deleted",
        action="leave it to the next try, if there is one",
    )
