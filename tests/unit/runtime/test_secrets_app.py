"""`/ariel/secrets/<team>`: who may see and set which team's secrets, and that no value ever comes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from ariel_runtime.plugins import secrets_app
from ariel_runtime.plugins.secrets_app import app
from ariel_runtime.registry import Vault
from ariel_runtime.secrets import desk
from azure.core.exceptions import HttpResponseError
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from tests.unit.runtime.tenants import tenant

VALUE = "correct-horse"
WAREHOUSE = {"kind": "connection", "id": "warehouse_db", "value": f"postgres://ada:{VALUE}@db/x"}
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Client:
    """Azure's client of one vault, with the secrets in memory."""

    def __init__(self, names: list[str]) -> None:
        self.kept: dict[str, str] = dict.fromkeys(names, VALUE)
        self.error: Exception | None = None

    def list_properties_of_secrets(self) -> Iterator[Any]:
        if self.error:
            raise self.error
        yield from (properties(name) for name in self.kept)

    def set_secret(self, name: str, value: str, expires_on: datetime | None) -> Any:
        if self.error:
            raise self.error
        self.kept[name] = value
        return SimpleNamespace(properties=properties(name, expires_on))


def properties(name: str, expires: datetime | None = None) -> Any:
    return SimpleNamespace(name=name, enabled=True, created_on=NOW, updated_on=NOW, expires_on=expires)


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
def client(vaults: dict[str, Client]) -> Iterator[TestClient]:
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
    sign_in("op", "weather", "trips")
    text = client.get("/").text
    assert "<td>&lt;b&gt;<td>" in text, "an id is part of the page"
    assert VALUE not in text
    sign_in("viewer", "weather")
    assert "no team" in client.get("/").text


def test_the_page_says_which_vault_does_not_answer(client: TestClient, vaults: dict[str, Client]) -> None:
    sign_in("op", "weather", "trips")
    vaults["https://weather"].error = HttpResponseError("Too many <requests>")
    text = client.get("/").text
    assert "does not answer: Too many &lt;requests&gt;" in text
    assert "city" in text
