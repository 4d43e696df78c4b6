"""Airflow's API server with ariel's plug-ins: a task gets nowhere by the name of another tenant's DAG."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest
from airflow.api_fastapi.app import create_app
from airflow.api_fastapi.auth.tokens import JWTGenerator
from airflow.api_fastapi.execution_api.security import JWTBearer, _jwt_bearer
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.models.team import Team
from ariel_runtime import own_dags
from ariel_runtime.plugins.own_dags import OwnDagsPlugin
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from tests.unit.runtime.metadata_tables import metadata_tables

OWN, OTHER, LEFT = "mobility.trips", "weather.report", "rail.delays"
"""The last one's tenant is gone: its bundle has no team any more."""

EARLIER = "the first try"
REFUSAL = (
    "dag_id: 'weather.report'\n"
    "  rule:   a DAG of the task's own tenant, 'mobility'\n"
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
    """DAG -> its task, each of a tenant of its own; and the own task's earlier try."""
    session_of = metadata_tables(patched)
    found = {dag_id: uuid4() for dag_id in (OWN, OTHER, LEFT)}
    with session_of.begin() as session:
        for dag_id, task in found.items():
            tenant = dag_id.partition(".")[0]
            bundle = DagBundleModel(name=tenant)
            if dag_id != LEFT:
                bundle.teams.append(Team(name=tenant))
            session.add(bundle)
            session.add(DagModel(dag_id=dag_id, bundle_name=tenant, fileloc="x", relative_fileloc="x"))
            session.add(DagRun(dag_id=dag_id, run_id="first", run_type="manual"))
            row = {"task_id": "t", "dag_id": dag_id, "run_id": "first", "pool": "default_pool", "try_number": 1}
            session.execute(insert(TaskInstance).values(row | {"id": task}))
        found[EARLIER] = uuid4()
        row |= {"dag_id": OWN, "try_number": 0, "task_instance_id": found[EARLIER]}
        session.execute(insert(TaskInstanceHistory).values(row))
    return found


@pytest.fixture(scope="module")
def client(
    patched: pytest.MonkeyPatch, tasks: dict[str, UUID], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """Airflow's whole API server, started, as its image has it: plug-ins come by the package's entry points."""
    patched.setattr(_jwt_bearer, "__class__", JWTBearer)  # Put back afterwards.
    passwords = tmp_path_factory.mktemp("api") / "passwords.json"
    patched.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
    patched.setenv("AIRFLOW__API_AUTH__JWT_SECRET", SECRET)
    with pytest.MonkeyPatch.context() as several:
        # Not for longer: Airflow's own look at teams has a way of its own to the database.
        several.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
        api_server = create_app()
    with TestClient(api_server, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="module")
def operations(client: TestClient) -> list[Operation]:
    """All that name a DAG by a parameter, in every version of the API; no body does."""
    found = []
    (execution,) = [each.app for each in client.app.routes if each.path == "/execution"]  # type: ignore[attr-defined]
    for version in map(str, execution.router.versioned_routers):
        described = client.get("/execution/openapi.json", params={"version": version}).raise_for_status().json()
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                named = [each for each in operation.get("parameters", []) if re.search("dag.*id", each["name"])]
                assert {each["name"] for each in named} <= {"dag_id"}
                assert not re.search('"[a-z_]*dag[a-z_]*id[a-z_]*"', body(operation, described)), path
                found += [(version, method, path, each["in"]) for each in named]
    return found


def body(operation: dict[str, Any], described: dict[str, Any]) -> str:
    """What may be sent, with all that it refers to, as JSON."""
    seen = {"": operation.get("requestBody", {})}
    while new := {each for each in re.findall(r"#/components/schemas/(\w+)", json.dumps(seen)) if each not in seen}:
        seen |= {each: described["components"]["schemas"][each] for each in new}
    return json.dumps(seen)


def bearer(task: UUID, secret: str = SECRET, scope: str = "execution") -> dict[str, str]:
    generator = JWTGenerator(secret_key=secret, audience=AUDIENCE, valid_for=600)
    return {"Authorization": f"Bearer {generator.generate({'sub': str(task), 'scope': scope})}"}


def ask(client: TestClient, operation: Operation, dag_id: str, task: UUID) -> Response:
    version, method, path, where = operation
    path = re.sub(r"\{\w+\}", "first", path.replace("{dag_id}", dag_id))
    given = {"dag_id": dag_id} if where == "query" else {}
    headers = {**bearer(task), "Airflow-API-Version": version}
    return client.request(method, f"/execution{path}", params=given, headers=headers)


def test_no_operation_takes_the_name_of_another_tenants_dag(
    client: TestClient, tasks: dict[str, UUID], operations: list[Operation]
) -> None:
    assert {each[2] for each in operations} >= {"/dag-runs/{dag_id}/{run_id}", "/dag-runs/count"}
    assert {each[1] for each in operations} == {"get", "head", "post", "delete"}
    gone = uuid4()
    for operation in operations:
        for dag_id, task in (
            *((other, tasks[own]) for other in (OTHER, LEFT) for own in (OWN, EARLIER)),
            *((OTHER, task) for task in (tasks[LEFT], gone)),
        ):
            answer = ask(client, operation, dag_id, task)
            assert answer.status_code == 403, operation
            if operation[1] != "head":
                assert answer.json()["detail"]["reason"] == "access_denied", operation


def test_every_operation_takes_the_name_of_an_own_or_unknown_dag(
    client: TestClient, tasks: dict[str, UUID], operations: list[Operation]
) -> None:
    for operation in operations:
        for dag_id, task in ((OWN, OWN), (OWN, EARLIER), ("unknown", OWN)):
            answer = ask(client, operation, dag_id, tasks[task])
            assert answer.status_code in (200, 201, 204, 404, 409, 422), operation


def test_the_refusal_says_whose_dags_a_task_may_name(client: TestClient, tasks: dict[str, UUID]) -> None:
    answer = client.post(f"/execution/dag-runs/{OTHER}/x", json={}, headers=bearer(tasks[OWN]))
    assert answer.json()["detail"]["message"].startswith(REFUSAL)
    answer = client.post(f"/execution/dag-runs/{OTHER}/x", json={}, headers=bearer(uuid4()))
    assert "the next try of the task has taken its place" in answer.json()["detail"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/execution/dag-runs/weather%2Ereport/first"),
        ("GET", "/execution/dag%2Druns/weather.report/first"),
        # A mount lets a line's end through, and the path after it begins with one slash less.
        ("POST", "/execution//dag-runs/weather.report/first/clear%0A"),
        ("POST", "/execution//dag-runs/weather.report/second%0A"),
        ("GET", f"/execution/dag-runs/count?dag_id={OTHER}&dag_id={OWN}"),
        ("GET", f"/execution/dag-runs/count?dag_id={OWN}&dag_id={OTHER}"),
        ("GET", f"/execution/dag-runs/count?dag_id={OWN}&%64ag_id={OTHER}"),
    ],
)
def test_another_spelling_leads_nowhere_else(
    client: TestClient, tasks: dict[str, UUID], method: str, path: str
) -> None:
    answer = client.request(method, path, json={}, headers=bearer(tasks[OWN]))
    assert answer.json()["detail"]["reason"] == "access_denied"


def test_a_task_that_is_gone_is_not_taken_for_one_of_no_team(client: TestClient, tasks: dict[str, UUID]) -> None:
    """Airflow would list the variables of all teams to it, and store one that all of them read."""
    for method, path in (("GET", "keys"), ("GET", "closed"), ("PUT", "planted"), ("DELETE", "closed")):
        for task in (tasks[EARLIER], uuid4()):
            answer = client.request(method, f"/execution/variables/{path}", json={"val": "x"}, headers=bearer(task))
            assert answer.json()["detail"]["reason"] == "access_denied", path
    assert client.get("/execution/variables/keys", headers=bearer(tasks[OWN])).status_code == 200
    heartbeat = {"hostname": "x", "pid": 1}
    path = f"/execution/task-instances/{tasks[EARLIER]}/heartbeat"
    assert client.put(path, json=heartbeat, headers=bearer(tasks[EARLIER])).status_code == 410


def test_what_airflow_asks_of_a_token_it_asks_as_before(client: TestClient, tasks: dict[str, UUID]) -> None:
    path = f"/execution/task-instances/{tasks[OTHER]}/previous-successful-dagrun"
    answer = client.get(path, headers=bearer(tasks[OWN]))
    assert (answer.status_code, answer.json()["detail"]) == (403, "Token subject does not match task instance ID")
    answer = client.get("/execution/variables/keys", headers=bearer(tasks[OWN], scope="workload"))
    assert (answer.status_code, answer.json()["detail"][:21]) == (403, "Token type 'workload'")


def test_a_token_that_nobody_signed_is_refused_before_anything_is_looked_up(
    client: TestClient, tasks: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_dags, "_look", None)
    path = f"/execution/dag-runs/{OTHER}/first"
    forged = client.get(path, headers=bearer(tasks[OTHER], "1" * 64))
    assert (forged.status_code, forged.json()["detail"]) == (403, "Invalid auth token")
    for headers in ({}, {"Authorization": "Basic eA=="}, {"Authorization": "Bearer x"}):
        assert client.get(path, headers=headers).status_code in (401, 403)


def test_nothing_is_let_through_while_the_database_does_not_answer(
    client: TestClient, tasks: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_dags, "create_session", Mock(side_effect=OperationalError("", {}, Exception())))
    assert client.get(f"/execution/dag-runs/{OTHER}/first", headers=bearer(tasks[OWN])).status_code == 500


def test_only_an_airflow_of_several_teams_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for several in ("True", "False"):
        monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", several)
        assert [each["name"] for each in OwnDagsPlugin().fastapi_root_middlewares] == ["own_dags"] * (several == "True")
