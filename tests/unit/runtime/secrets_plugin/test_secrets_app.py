"""`/ariel/secrets/<team>`: who may see, set and test which team's secrets, and that no value ever comes back."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.models import DagModel, DagRun
from azure.core.exceptions import HttpResponseError
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from structlog.testing import capture_logs

from tests.unit.runtime.metadata_tables import returned
from tests.unit.runtime.secrets_plugin.team_secrets import DAG_ID, NOW, REPORT, VALUE, Client, sign_in

WAREHOUSE = {"kind": "connection", "id": "warehouse_db", "value": f"postgres://ada:{VALUE}@db/x"}


def test_a_team_sees_the_names_of_its_secrets(client: TestClient) -> None:
    sign_in("op", "weather")
    answer = client.get("/weather")
    assert answer.status_code == 200, answer.text
    assert answer.json()["vault"] == "https://weather"
    found = [(each["kind"], each["id"], each["name"]) for each in answer.json()["secrets"]]
    assert found == [
        ("connection", "slack_default", "airflow-connections-slack--5fdefault"),
        ("secret", "token", "airflow-secrets-token"),
    ]
    assert VALUE not in answer.text


def test_a_team_sees_which_file_names_a_secret(client: TestClient, database: Any) -> None:
    with database.begin() as session:
        session.add(returned(DAG_ID, "report", REPORT, NOW))
    sign_in("op", "weather")
    found = {each["id"]: each["named_in"] for each in client.get("/weather").json()["secrets"]}
    assert found == {"slack_default": ["dags/load.py:7"], "token": []}


def test_in_a_shared_vault_a_team_sees_its_own_only(client: TestClient) -> None:
    sign_in("op", "trips")
    assert [each["name"] for each in client.get("/trips").json()["secrets"]] == ["trips--variables-city"]


def test_a_team_sets_a_secret_and_gets_no_value_back(client: TestClient, vaults: dict[str, Client]) -> None:
    sign_in("op", "weather")
    with capture_logs() as logs:
        answer = client.put("/weather", json={**WAREHOUSE, "expires": "2030-01-01T00:00:00Z"})
    assert answer.status_code == 200, answer.text
    assert vaults["https://weather"].kept["airflow-connections-warehouse--5fdb"] == WAREHOUSE["value"]
    assert answer.json()["expires"] == "2030-01-01T00:00:00Z"
    assert VALUE not in answer.text + str(logs)
    assert [(each["by"], each["team"], each["id"]) for each in logs] == [("ada", "weather", "warehouse_db")]


@pytest.mark.parametrize(
    ("role", "teams"), [("op", ("mobility",)), ("user", ("weather",)), ("viewer", ("weather",)), ("op", ())]
)
def test_who_may_make_no_connection_of_the_team_sees_and_sets_nothing(
    client: TestClient, vaults: dict[str, Client], role: str, teams: tuple[str, ...]
) -> None:
    before = dict(vaults["https://weather"].kept)
    sign_in(role, *teams)
    assert client.get("/weather").status_code == 403
    assert client.put("/weather", json=WAREHOUSE).status_code == 403
    assert vaults["https://weather"].kept == before


def test_who_is_not_signed_in_sees_and_sets_nothing(client: TestClient) -> None:
    assert client.get("/weather").status_code == 401
    assert client.put("/weather", json=WAREHOUSE).status_code == 401


def test_a_team_that_is_not_there_looks_like_one_that_is_closed(client: TestClient) -> None:
    sign_in("op", "weather")
    assert client.get("/absent").status_code == client.get("/trips").status_code == 403


BAD: list[tuple[dict[str, Any], str]] = [
    ({"value": VALUE}, "a connection as URI"),
    ({"value": f"postgrez://ada:{VALUE}@db"}, "did you mean postgres"),
    ({"value": f"wasb://ada:{VALUE}@host:8080"}, "does not use it"),
    ({"value": '{"conn_type": "kubernetes", "extra": {"in_cluster": "maybe"}}'}, "of type boolean or null"),
    ({"kind": "variable", "value": ""}, "1 to 25600 bytes"),
    ({"kind": "variable", "value": "a" * 25_601}, "1 to 25600 bytes"),
    ({"id": "trips--city"}, "separates a team from its names"),
    ({"id": "a" * 120}, "at most 127 characters"),
    ({"kind": "keys"}, "kind"),
    ({"value": {"password": VALUE}}, "value"),
    ({"password": VALUE}, "password: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("change", "said"), BAD, ids=lambda case: str(case)[:40])
def test_what_is_no_secret_is_refused_without_repeating_it(
    client: TestClient, vaults: dict[str, Client], change: dict[str, Any], said: str
) -> None:
    before = dict(vaults["https://weather"].kept)
    sign_in("op", "weather")
    answer = client.put("/weather", json={**WAREHOUSE, **change})
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]
    assert VALUE not in answer.text
    assert vaults["https://weather"].kept == before


def test_a_vault_that_fails_says_what_azure_said(client: TestClient, vaults: dict[str, Client]) -> None:
    sign_in("op", "weather")
    vaults["https://weather"].error = HttpResponseError("Caller is not authorized")
    for answer in (client.get("/weather"), client.put("/weather", json=WAREHOUSE)):
        assert answer.status_code == 502
        assert "Caller is not authorized" in answer.json()["detail"]


def test_a_test_is_a_run_of_the_teams_own_dag(client: TestClient, database: Any) -> None:
    sign_in("op", "weather")
    assert 'action="weather/runs?connection=slack_default"' in client.get("/").text
    answer = client.post("/weather/runs?connection=slack_default", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "../?team=weather")
    with database() as session:
        (run,) = session.scalars(select(DagRun))
        assert (run.dag_id, run.conf, run.triggering_user_name) == (DAG_ID, {"connections": ["slack_default"]}, "ada")
    text = client.get("/").text
    assert "It is being read now" in text
    assert 'http-equiv="refresh"' in text
    assert "<button>" not in text


@pytest.mark.parametrize(
    ("role", "teams"), [("op", ("mobility",)), ("user", ("weather",)), ("viewer", ("weather",)), ("op", ())]
)
def test_who_may_not_set_secrets_tests_nothing(
    client: TestClient, database: Any, role: str, teams: tuple[str, ...]
) -> None:
    sign_in(role, *teams)
    assert client.post("/weather/runs", follow_redirects=False).status_code == 403
    with database() as session:
        assert not list(session.scalars(select(DagRun)))


def test_a_dag_that_is_paused_is_waited_for_by_no_page(client: TestClient, database: Any) -> None:
    sign_in("op", "weather")
    client.post("/weather/runs", follow_redirects=False)
    with database.begin() as session:
        session.scalars(select(DagModel)).one().is_paused = True
    text = client.get("/").text
    assert "is paused" in text
    assert "http-equiv" not in text
    assert "<button>" not in text


def test_a_dag_that_is_gone_or_takes_no_runs_is_not_run(client: TestClient, database: Any) -> None:
    sign_in("op", "weather")
    for change, status in (({"allowed_run_types": ["scheduled"]}, 422), ({"is_stale": True}, 404)):
        with database.begin() as session:
            session.execute(update(DagModel).values(**change))
        assert client.post("/weather/runs", follow_redirects=False).status_code == status
    with database() as session:
        assert not list(session.scalars(select(DagRun)))


def test_a_repository_without_the_dag_is_told_how_to_get_it(client: TestClient) -> None:
    sign_in("op", "trips")
    assert "connections_dag(&quot;trips&quot;)" in client.get("/").text
    answer = client.post("/trips/runs", follow_redirects=False)
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "The repository of 'trips' has no DAG trips.connections",
    )
