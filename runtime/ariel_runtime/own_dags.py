"""A task names DAGs of its own team only, wherever it asks Airflow's Execution API.

Airflow holds connections, variables and XComs to their team, but lets every task start, clear and look at the runs of
every DAG. So a team's code could run with what another team chose, as its own identity.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs
from uuid import UUID

import jwt
import structlog
from airflow.models.dag import DagModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ariel_runtime.policies import NAME_OWN_DAGS
from ariel_runtime.refusal import Problem

_EXECUTION_API: Final = "/execution/"
_IN_PATH: Final = re.compile(r"/execution/(?:dag-runs|dags|task-instances/previous)/([^/]+)")
_LOG: Final = structlog.get_logger(__name__)


class OwnDags:
    """Middleware of the API server: 403 for a task that names another team's DAG.

    Left to Airflow: XComs, which it holds to their team itself; a DAG that is unknown or of no team; a request that
    names no task, since it answers none without a valid token.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = _named_dags(scope)
        task = _task(scope) if named else None
        problems = await run_in_threadpool(_problems, task, named) if task else []
        if not problems:
            await self._app(scope, receive, send)
            return
        _LOG.warning("A task named another team's DAG", task=str(task), method=scope["method"], path=scope["path"])
        detail = {"reason": "access_denied", "message": "\n".join(map(str, problems))}
        await JSONResponse({"detail": detail}, 403)(scope, receive, send)


def _named_dags(scope: Scope) -> set[str]:
    if scope["type"] != "http" or _EXECUTION_API not in scope["path"]:
        return set()
    in_query = parse_qs(scope["query_string"].decode("latin-1")).get("dag_id", [])
    return {*_IN_PATH.findall(scope["path"]), *in_query}


def _task(scope: Scope) -> UUID | None:
    """Whom the token names. Its signature is Airflow's to look at, which it does next."""
    scheme, token = get_authorization_scheme_param(Headers(scope=scope).get("authorization"))
    if scheme.lower() != "bearer":
        return None
    try:
        return UUID(jwt.decode(token, options={"verify_signature": False})["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError):
        return None


def _problems(task: UUID, named: set[str]) -> list[Problem]:
    with create_session() as session:
        own_dag = session.scalar(select(TaskInstance.dag_id).where(TaskInstance.id == task))
        teams = DagModel.get_dag_id_to_team_name_mapping([*named, *filter(None, [own_dag])], session=session)
    own = teams.get(own_dag) if own_dag else None
    rule = f"a DAG of the task's own team, {own!r}" if own else "a DAG of no team, as the task has none"
    return [
        Problem(path="dag_id", value=dag_id, rule=rule, action=NAME_OWN_DAGS)
        for dag_id in sorted(named)
        if teams.get(dag_id) not in (None, own)
    ]
