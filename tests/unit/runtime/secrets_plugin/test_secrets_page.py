"""`/ariel/secrets/`: what a team reads there, and that nothing its repository reports harms the page."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import pytest
from airflow.models import Connection, Variable
from airflow.models.xcom import XComModel
from ariel_runtime.checks.secrets import Inventory
from ariel_runtime.secrets.report import MOST
from azure.core.exceptions import HttpResponseError
from fastapi.testclient import TestClient

from tests.unit.runtime.metadata_tables import returned
from tests.unit.runtime.secrets_plugin.team_secrets import DAG_ID, NOW, REPORT, VALUE, Client, sign_in

TESTED = {
    "id": "slack_default",
    "type": "slack",
    "host": "slack.example.org",
    "ok": False,
    "text": "<refused>",
    "when": "2026-01-03T00:00:00Z",
}


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
