"""`/ariel/secrets/<team>`: who may see and set which team's secrets, and that no value ever comes back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.models import Connection, DagModel, DagRun, Variable
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.xcom import XComModel
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from ariel_runtime.checks.secrets import Inventory
from ariel_runtime.plugins import secrets_app
from ariel_runtime.plugins.secrets_app import app
from ariel_runtime.registry import Vault
from ariel_runtime.secrets import desk
from ariel_runtime.secrets.report import MOST
from azure.core.exceptions import HttpResponseError
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from structlog.testing import capture_logs

from tests.unit.runtime.metadata_tables import metadata_tables, returned
from tests.unit.runtime.tenants import tenant

VALUE = "correct-horse"
WAREHOUSE = {"kind": "connection", "id": "warehouse_db", "value": f"postgres://ada:{VALUE}@db/x"}
NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAG_ID = "weather.connections"
REPORT = {
    "revision": "0123456789abcdef",
    "named": [
        {"file": "dags/load.py", "line": 7, "kind": "connection", "id": "slack_default"},
        {"file": "dags/load.py", "line": 9, "kind": "variable", "id": "city<script>"},
        {"file": "dags/load.py", "line": 3, "kind": "group", "id": "drives"},
    ],
    "unknown": [{"file": "dags/load.py", "line": 11, "kind": "variable", "text": "name & place"}],
    "broken": [{"file": "dags/broken.py", "text": "SyntaxError: <oh>"}],
    "connections": {"drive.one": {"conn_type": "samba", "password": {"secret": "drive.one"}}},
    "groups": {"drives": ["drive.one"]},
    "variables": ["region"],
    "environment": [["variable", "given_by_image"]],
}
TESTED = {
    "id": "slack_default",
    "type": "slack",
    "host": "slack.example.org",
    "ok": False,
    "text": "<refused>",
    "when": "2026-01-03T00:00:00Z",
}


class Client:
    """Azure's client of one vault, with the secrets in memory."""

    def __init__(self, names: list[str]) -> None:
        self.kept: dict[str, str] = dict.fromkeys(names, VALUE)
        self.error: Exception | None = None

    def list_properties_of_secrets(self) -> Iterator[Any]:
        if self.error:
            raise self.error
        yield from (properties(name) for name in self.kept)

    def set_secret(self, name: str, value: str, expires_on: datetime | None, content_type: str | None) -> Any:
        if self.error:
            raise self.error
        self.kept[name] = value
        return SimpleNamespace(properties=properties(name, expires_on, content_type))


def properties(name: str, expires: datetime | None = None, content_type: str | None = None) -> Any:
    times = {"created_on": NOW, "updated_on": NOW, "expires_on": expires}
    return SimpleNamespace(name=name, enabled=True, content_type=content_type, **times)


@pytest.fixture
def vaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, Client]:
    """By URL: weather's own, and one that two teams share."""
    made = {
        "https://weather": Client(["airflow-connections-slack--5fdefault", "airflow-secrets-token", "anothers"]),
        "https://shared": Client(["trips--variables-city", "fares--variables-city"]),
    }
    known = {
        "weather": tenant(vault=Vault(url="https://weather", shared=False)),
        "trips": tenant("trips", vault=Vault(url="https://shared", shared=True)),
    }
    monkeypatch.setattr(desk, "vault_client", made.__getitem__)
    monkeypatch.setattr(secrets_app, "tenants", lambda: known)
    return made


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of Airflow, with the DAG that reports of weather, as its DAG processor writes it."""
    session_of = metadata_tables(monkeypatch)
    with session_of.begin() as session:
        session.add(DagBundleModel(name="weather"))
        session.flush()
        place = {"bundle_name": "weather", "fileloc": "x", "relative_fileloc": "x"}
        session.add(DagModel(dag_id=DAG_ID, **place, is_stale=False, is_paused=False))
        session.flush()
        with DAG(DAG_ID, schedule=None) as dag:
            EmptyOperator(task_id="report")
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name="weather", session=session)
    return session_of


@pytest.fixture
def client(vaults: dict[str, Client], database: Any) -> Iterator[TestClient]:
    create_auth_manager()
    with TestClient(app) as made:
        yield made
    app.dependency_overrides.clear()


def sign_in(role: str, *teams: str) -> None:
    user = SimpleAuthManagerUser(username="ada", role=role, teams=list(teams))
    app.dependency_overrides[get_user] = lambda: user


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


def test_the_page_shows_the_teams_that_a_person_may_see(client: TestClient, vaults: dict[str, Client]) -> None:
    vaults["https://shared"].kept = {"trips--variables-" + "--3c" + "b" + "--3e": VALUE}
    sign_in("op", "weather")
    text = client.get("/").text
    assert "slack_default" in text
    assert "trips" not in text
    assert client.get("/?team=trips").text == text
    sign_in("op", "weather", "trips")
    assert '<a href="?team=trips">' in client.get("/").text
    text = client.get("/?team=trips").text
    assert "<td>&lt;b&gt;<td>" in text, "an id is part of the page"
    assert VALUE not in text
    sign_in("viewer", "weather")
    assert "no team" in client.get("/").text


def test_the_page_says_which_vault_does_not_answer(client: TestClient, vaults: dict[str, Client]) -> None:
    sign_in("op", "weather", "trips")
    vaults["https://weather"].error = HttpResponseError("Too many <requests>")
    assert "does not answer: Too many &lt;requests&gt;" in client.get("/").text
    assert "city" in client.get("/?team=trips").text


def cells(text: str, secret_id: str) -> list[str]:
    """Of the page's line of that id."""
    line = next(line for line in text.split("<tr>") if line.split("<td>")[2:3] == [secret_id])
    return line.removesuffix("</tr>").split("<td")[1:]


def test_the_page_says_where_a_task_finds_what_and_which_file_names_it(client: TestClient, database: Any) -> None:
    with database.begin() as session:
        session.add(returned(DAG_ID, "report", REPORT, NOW))
        session.add(returned(DAG_ID, "test", [{**TESTED, "when": "2026-01-01T00:00:00Z", "text": "older"}], NOW))
        session.add(returned(DAG_ID, "test", [TESTED], NOW + timedelta(hours=1)))
        session.add(Connection(conn_id="of_the_database", conn_type="http", team_name="weather"))
        session.add(Connection(conn_id="of_trips", conn_type="http", team_name="trips"))
        session.add(Variable(key="of_everybody", val=VALUE))
    sign_in("op", "weather")
    text = client.get("/").text
    found = {each: "".join(cells(text, each)) for each in ("slack_default", "drive.one", "region", "of_the_database")}
    assert "the vault" in found["slack_default"]
    assert "dags/load.py:7" in found["slack_default"]
    assert "&lt;refused&gt;" in found["slack_default"], "the last test"
    assert "older" not in found["slack_default"]
    assert {"samba", "connections.yaml"} <= {each.strip(">") for each in cells(text, "drive.one")}
    assert "the repository" in found["region"]
    assert "database" in found["of_the_database"]
    missing = "".join(cells(text, "city&lt;script&gt;"))
    assert "missing: `ariel secrets set variable city&lt;script&gt;`" in missing
    assert "missing" in text.split("drive.one")[-1], "the secret that a connection of the repository needs"
    assert "the pod&#x27;s environment" in "".join(cells(text, "given_by_image"))
    assert "of_everybody" in text
    assert "dags/load.py:11 names a variable that only a run would tell: name &amp; place" in text
    assert "dags/broken.py cannot be imported: SyntaxError: &lt;oh&gt;" in text
    assert "0123456789ab" in text
    for hidden in (VALUE, "of_trips", "<script>", "<oh>"):
        assert hidden not in text


@pytest.mark.parametrize(
    "found", ["text", {"revision": 1}, {**REPORT, "connections": {"a": "b"}}, [REPORT], None], ids=str
)
def test_what_is_no_report_is_not_shown(client: TestClient, database: Any, found: Any) -> None:
    with database.begin() as session:
        session.add(returned(DAG_ID, "report", found, NOW))
        session.add(returned(DAG_ID, "test", found, NOW))
    sign_in("op", "weather")
    text = client.get("/").text
    assert "not read yet" in text
    assert "slack_default" in text


MADE: Any = {"__classname__": "airflow.sdk.definitions.asset.Asset", "__version__": 1, "__data__": {"uri": "s3://x"}}
DEEP: Any = {}
for _ in range(sys.getrecursionlimit() // 3):
    DEEP = {"a": DEEP}
HOSTILE: dict[str, Any] = {
    "an object to be made": json.dumps(MADE),
    "an object among the rest": {**REPORT, "connections": {"c": {"conn_type": "http", "extra": MADE}}},
    "nested too deep": {**REPORT, "connections": {"slack_default": {"conn_type": "http"}, "c": {"extra": DEEP}}},
    "a long text": {**REPORT, "revision": "x" * 100_000},
    "many entries": {**REPORT, "variables": [str(each) for each in range(MOST + 1)]},
    "too long to be read": {**REPORT, "variables": ["x" * 200] * MOST},
    "half a character": {**REPORT, "variables": ["\ud800"]},
}


@pytest.mark.parametrize("found", HOSTILE.values(), ids=HOSTILE)
def test_a_report_that_means_harm_leaves_a_short_page_with_the_vault_on_it(
    client: TestClient, database: Any, monkeypatch: pytest.MonkeyPatch, found: Any
) -> None:
    monkeypatch.setattr(XComModel, "deserialize_value", lambda _: pytest.fail("an object was made"))
    with database.begin() as session:
        session.add(returned(DAG_ID, "report", found, NOW))
        session.add(returned(DAG_ID, "test", [{**TESTED, "text": "x" * 100_000}], NOW))
    sign_in("op", "weather", "trips")
    answer = client.get("/")
    assert answer.status_code == 200
    assert "slack_default" in answer.text
    assert '<a href="?team=trips">' in answer.text
    assert len(answer.text) < 10_000
    assert "slack_default" in {each["id"] for each in client.get("/weather").json()["secrets"]}


def test_many_places_that_name_a_large_group_are_judged_once(
    client: TestClient, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"drive-{number}" for number in range(1000)]
    named = [{"file": "f", "line": line, "kind": "group", "id": "drives"} for line in range(1000)]
    connections = {each: {"conn_type": "samba"} for each in ids}
    with database.begin() as session:
        session.add(
            returned(
                DAG_ID, "report", {**REPORT, "named": named, "groups": {"drives": ids}, "connections": connections}, NOW
            )
        )
    judged = []
    judge = Inventory.judge
    monkeypatch.setattr(Inventory, "judge", lambda self, *key: judged.append(key) or judge(self, *key))
    sign_in("op", "weather")
    assert "drive-999" in client.get("/").text
    assert len(judged) < 2 * len(ids)


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
