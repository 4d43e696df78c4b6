"""Airflow's own Execution API behind the middleware: a task gets nowhere by the name of another team's DAG."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from airflow.api_fastapi.auth.tokens import JWTGenerator
from airflow.api_fastapi.execution_api.app import create_task_execution_api_app
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.team import Team
from ariel_runtime.plugins.own_dags import OwnDagsPlugin
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import insert

from tests.unit.runtime.metadata_tables import metadata_tables

OWN, OTHER, NOBODYS = "mobility.trips", "weather.report", "of-no-team"
REFUSAL = (
    "dag_id: 'weather.report'\n"
    "  rule:   a DAG of the task's own team, 'mobility'\n"
    "  action: name a DAG of the own team, or let "
)
SECRET = "0" * 64
AUDIENCE = "urn:airflow.apache.org:task"
"""Airflow's default."""


Operation = tuple[str, str, str, str]
"""(version, method, path, where the DAG's id is)"""


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def tasks(patched: pytest.MonkeyPatch) -> dict[str, UUID]:
    """DAG -> its task; one team each for two of three DAGs."""
    session_of = metadata_tables(patched)
    found = {dag_id: uuid4() for dag_id in (OWN, OTHER, NOBODYS)}
    with session_of.begin() as session:
        for dag_id, task in found.items():
            team = dag_id.partition(".")[0]
            bundle = DagBundleModel(name=team)
            if "." in dag_id:
                bundle.teams.append(Team(name=team))
            session.add(bundle)
            session.add(DagModel(dag_id=dag_id, bundle_name=team, fileloc="x", relative_fileloc="x"))
            session.add(DagRun(dag_id=dag_id, run_id="first", run_type="manual"))
            row = {"id": task, "task_id": "t", "dag_id": dag_id, "run_id": "first", "pool": "default_pool"}
            session.execute(insert(TaskInstance).values(row | {"try_number": 0}))
    return found


@pytest.fixture(scope="module")
def execution(patched: pytest.MonkeyPatch) -> FastAPI:
    """Airflow's own application."""
    patched.setenv("AIRFLOW__API_AUTH__JWT_SECRET", SECRET)
    return create_task_execution_api_app()


@pytest.fixture(scope="module")
def client(execution: FastAPI, tasks: dict[str, UUID]) -> Iterator[TestClient]:
    application = FastAPI()
    application.mount("/execution", execution)
    for each in OwnDagsPlugin().fastapi_root_middlewares:
        application.add_middleware(each["middleware"])
    with TestClient(execution), TestClient(application, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="module")
def operations(execution: FastAPI, client: TestClient) -> list[Operation]:
    """All that name a DAG by a parameter, in every version of the API.

    But for XComs: they have Airflow's own rule, which a task on a running platform tries (`tests/attacks.py`).
    """
    found = []
    for version in execution.router.versioned_routers:  # type: ignore[attr-defined]
        described = client.get("/execution/openapi.json", params={"version": str(version)}).raise_for_status().json()
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                named = [each for each in operation.get("parameters", []) if re.search("dag.*id", each["name"])]
                assert {each["name"] for each in named} <= {"dag_id"}
                found += [(str(version), method, path, each["in"]) for each in named]
    return [each for each in found if not each[2].startswith("/xcoms/")]


def bearer(task: UUID, secret: str = SECRET) -> dict[str, str]:
    generator = JWTGenerator(secret_key=secret, audience=AUDIENCE, valid_for=600)
    return {"Authorization": f"Bearer {generator.generate({'sub': str(task)})}"}


def ask(client: TestClient, operation: Operation, dag_id: str, task: UUID) -> Response:
    version, method, path, where = operation
    path = re.sub(r"\{\w+\}", "first", path.replace("{dag_id}", dag_id))
    given = {"dag_id": dag_id} if where == "query" else {}
    headers = {**bearer(task), "Airflow-API-Version": version}
    return client.request(method, f"/execution{path}", params=given, headers=headers)


def test_no_operation_takes_the_name_of_another_teams_dag(
    client: TestClient, tasks: dict[str, UUID], operations: list[Operation]
) -> None:
    assert {each[2] for each in operations} >= {"/dag-runs/{dag_id}/{run_id}", "/dag-runs/count"}
    assert {each[1] for each in operations} == {"get", "post"}
    for operation in operations:
        for task in (OWN, NOBODYS):
            answer = ask(client, operation, OTHER, tasks[task])
            assert answer.status_code == 403, operation
            assert answer.json()["detail"]["reason"] == "access_denied", operation
        for dag_id in (OWN, NOBODYS, "unknown"):
            assert ask(client, operation, dag_id, tasks[OWN]).status_code not in (401, 403), operation


def test_the_refusal_says_whose_dags_a_task_may_name(client: TestClient, tasks: dict[str, UUID]) -> None:
    answer = client.post(f"/execution/dag-runs/{OTHER}/x", json={}, headers=bearer(tasks[OWN]))
    assert answer.json()["detail"]["message"].startswith(REFUSAL)


@pytest.mark.parametrize(
    "path",
    [
        "/execution/dag-runs/weather%2Ereport/first",
        "/execution/dag%2Druns/weather.report/first",
        f"/execution/dag-runs/count?dag_id={OTHER}&dag_id={OWN}",
        f"/execution/dag-runs/count?dag_id={OWN}&dag_id={OTHER}",
        f"/execution/dag-runs/count?dag_id={OWN}&%64ag_id={OTHER}",
    ],
)
def test_another_spelling_leads_nowhere_else(client: TestClient, tasks: dict[str, UUID], path: str) -> None:
    assert client.get(path, headers=bearer(tasks[OWN])).json()["detail"]["reason"] == "access_denied"


def test_a_token_that_nobody_signed_is_refused_by_airflow(client: TestClient, tasks: dict[str, UUID]) -> None:
    path = f"/execution/dag-runs/{OTHER}/first"
    forged = client.get(path, headers=bearer(tasks[OTHER], "1" * 64))
    assert (forged.status_code, forged.json()["detail"]) == (403, "Invalid auth token")
    for headers in ({}, {"Authorization": "Basic eA=="}, {"Authorization": "Bearer x"}):
        assert client.get(path, headers=headers).status_code in (401, 403)
