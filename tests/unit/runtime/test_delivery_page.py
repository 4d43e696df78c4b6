"""`/ariel/delivery/`: who sees how far a team's revision has come, and that no repository's text harms the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.models import DagModel
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.models.dagbundle import DagBundleModel
from airflow.models.errors import ParseImportError
from ariel_runtime.delivery import journal, mirror
from ariel_runtime.delivery.arrival import parse_at_once
from ariel_runtime.delivery.mirror import MirrorFailedError, MirrorStatus
from ariel_runtime.plugins import delivery_app
from ariel_runtime.plugins.delivery_app import app
from fastapi.testclient import TestClient
from sqlalchemy import select

from tests.unit.runtime.tenants import tenant
from tests.unit.runtime.webhook_tables import webhook_tables

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SERVED = "aaaabbbbccccdddd"


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Weather's processor has an older revision than its mirror, and a file that cannot be imported."""
    session_of = webhook_tables(monkeypatch)
    with session_of.begin() as session:
        session.add(DagBundleModel(name="weather", version="1111222233334444"))
        session.flush()
        place = {"bundle_name": "weather", "fileloc": "x", "relative_fileloc": "x"}
        session.add(DagModel(dag_id="weather.a", **place, is_stale=False, bundle_version="1111222233334444"))
        text = "<script>" + "x" * 10_000
        session.add(ParseImportError(bundle_name="weather", filename="dags/<b>.py", timestamp=NOW, stacktrace=text))
        session.add(ParseImportError(bundle_name="trips", filename="of_trips.py", timestamp=NOW, stacktrace=""))
    return session_of


@pytest.fixture
def client(database: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    known = {slug: tenant(slug) for slug in ("weather", "trips")}
    told = MirrorStatus(commit=SERVED, fetched=NOW, error="fatal: <no>", version="0.1.0")
    monkeypatch.setattr(delivery_app, "tenants", lambda: known)
    monkeypatch.setattr(mirror, "status", lambda _: told)
    create_auth_manager()
    with TestClient(app) as made:
        yield made
    app.dependency_overrides.clear()


def sign_in(*teams: str) -> None:
    user = SimpleAuthManagerUser(username="ada", role="viewer", teams=list(teams))
    app.dependency_overrides[get_user] = lambda: user


def test_each_station_tells_its_revision(client: TestClient) -> None:
    sign_in("weather")
    text = client.get("/").text
    mirrored, fetched, parsed = (row for row in text.split("<tr>") if row.startswith("<td>"))
    assert SERVED[:12] in mirrored
    assert "2026-01-02 03:04:05 UTC" in mirrored
    assert "fatal: &lt;no&gt;" in mirrored
    assert "<code>111122223333</code>" in fetched
    assert "<code>111122223333</code> 1 DAG" in parsed


def test_what_a_repository_says_is_text_and_bounded(client: TestClient) -> None:
    sign_in("weather")
    answer = client.get("/")
    assert "dags/&lt;b&gt;.py" in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text
    assert len(answer.text) < 10_000
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_person_sees_no_delivery_of_another_team(client: TestClient) -> None:
    sign_in("weather")
    assert client.get("/?team=trips").text == client.get("/").text
    assert "of_trips" not in client.get("/").text
    sign_in()
    assert "no team" in client.get("/").text
    app.dependency_overrides.clear()
    assert client.get("/").status_code == 401


def test_a_mirror_that_is_away_leaves_the_rest_of_the_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: object) -> MirrorStatus:
        raise MirrorFailedError("the mirror of weather does not answer: <nobody>")

    monkeypatch.setattr(mirror, "status", away)
    sign_in("weather")
    text = client.get("/").text
    assert "does not answer: &lt;nobody&gt;" in text
    assert "111122223333" in text


def test_the_page_tells_how_to_get_a_first_key_and_then_what_came(client: TestClient, database: Any) -> None:
    sign_in("weather")
    assert "ariel webhook issue --tenant weather" in client.get("/").text
    with database.begin() as session:
        journal.begin(session, "weather")
        journal.accept(session, "weather", "proof", "github")
        journal.conclude(session, "weather", "proof", SERVED, "fetched")
    text = client.get("/").text
    assert f"<td>github<td><code>{SERVED[:12]}</code><td>fetched" in text
    assert "proof" not in text


def test_the_processor_is_asked_once_however_often_the_webhook_is_called(database: Any) -> None:
    """A second request for a file that still waits must not fail the call that made it."""
    assert parse_at_once(tenant())
    assert parse_at_once(tenant())
    with database() as session:
        (asked,) = session.scalars(select(DagPriorityParsingRequest))
        assert asked.bundle_name == "weather"


def test_a_processor_without_a_file_is_asked_for_none(database: Any) -> None:
    """There would be an import error of a file that nobody wrote."""
    assert not parse_at_once(tenant("trips"))
    with database() as session:
        assert not list(session.scalars(select(DagPriorityParsingRequest)))
