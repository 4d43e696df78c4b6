"""The page `/hello/`: who sees a tenant's report, and what a tenant's picture can do to whoever looks at it."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.xcom import XComModel
from ariel_runtime.diagnostics.picture import drawn
from ariel_runtime.plugins.hello import HelloPlugin
from ariel_runtime.plugins.hello_app import app
from fastapi.testclient import TestClient

from tests.unit.runtime.metadata_tables import metadata_tables, returned

PNG = drawn("weather.diagnostics", "now", [])
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's tables with two tenants' reports, of which weather has an older one too."""
    session_of = metadata_tables(monkeypatch)
    now = datetime.now(UTC)
    with session_of.begin() as session:
        for slug in ("weather", "mobility"):
            session.add(DagBundleModel(name=slug))
            session.add(DagModel(dag_id=f"{slug}.diagnostics", bundle_name=slug, fileloc="x", relative_fileloc="x"))
        session.add(report("weather.diagnostics", "old", now - timedelta(hours=1)))
        session.add(report("weather.diagnostics", "<b>new</b>", now))
        session.add(report("weather.forecast", "not a report", now))
        session.add(report("mobility.diagnostics", "trips", now))
    return session_of


def document(dag_id: str, text: str, when: datetime, picture: bytes = PNG) -> dict[str, Any]:
    shown = {"text": text, "picture": base64.b64encode(picture).decode()}
    return {"dag_id": dag_id, "run_id": "manual", "when": when.isoformat(), "findings": [], **shown}


def report(dag_id: str, text: str, when: datetime) -> XComModel:
    return returned(dag_id, "report", document(dag_id, text, when), when)


@pytest.fixture
def client(database: Any) -> Iterator[TestClient]:
    create_auth_manager()
    with TestClient(app) as made:
        yield made
    app.dependency_overrides.clear()


def sign_in(role: str | None) -> None:
    app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="ada", role=role)


@pytest.mark.parametrize("path", ["/", "/pictures/weather.diagnostics"])
def test_who_is_not_signed_in_sees_nothing(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert "new" not in answer.text


def test_the_newest_report_of_each_tenant_is_shown_as_text(client: TestClient) -> None:
    sign_in("admin")
    text = client.get("/").text
    assert "Hello, ada" in text
    assert "&lt;b&gt;new&lt;/b&gt;" in text, "a tenant's text is part of the page"
    assert "trips" in text
    assert "old" not in text
    assert "not a report" not in text


def test_a_tenants_picture_cannot_run_a_script_as_the_reader(client: TestClient) -> None:
    """Opened by itself it has the origin of the UI, and with it the session of whoever looks at it."""
    sign_in("admin")
    answer = client.get("/pictures/weather.diagnostics")
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_who_may_not_read_a_dag_gets_no_picture_of_it(client: TestClient) -> None:
    sign_in(None)
    assert client.get("/pictures/weather.diagnostics").status_code == 403


@pytest.mark.parametrize("dag_id", ["weather.forecast", "weather.unknown.diagnostics"])
def test_what_is_no_report_is_not_found(client: TestClient, dag_id: str) -> None:
    sign_in("admin")
    assert client.get(f"/pictures/{dag_id}").status_code == 404


def test_airflow_mounts_the_page() -> None:
    (mounted,) = HelloPlugin().fastapi_apps
    assert (mounted["app"], mounted["url_prefix"]) == (app, "/hello")


def test_a_task_pod_does_not_import_the_page() -> None:
    """Each import is a part of the time from queued to running."""
    program = "import sys, ariel_runtime.plugins.hello; sys.exit('fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    "picture", [SVG, b"", PNG + b" " * 100_000], ids=["a drawing that can hold a script", "nothing", "too large"]
)
def test_what_is_no_picture_is_not_served(client: TestClient, database: Any, picture: bytes) -> None:
    later = NOW + timedelta(hours=1)
    with database.begin() as session:
        value = document("weather.diagnostics", "text", later, picture)
        session.add(returned("weather.diagnostics", "report", value, later))
    sign_in("admin")
    assert client.get("/pictures/weather.diagnostics").status_code == 404


@pytest.mark.parametrize(
    "value", ['{"__classname__": "airflow.sdk.definitions.asset.Asset"}', ["x"], None, {"text": "x"}, "x" * 2_000_000]
)
def test_one_teams_value_that_is_no_report_hides_no_other_teams(client: TestClient, database: Any, value: Any) -> None:
    with database.begin() as session:
        session.add(returned("mobility.diagnostics", "report", value, datetime.now(UTC) + timedelta(hours=1)))
    sign_in("admin")
    answer = client.get("/")
    assert answer.status_code == 200
    assert "weather.diagnostics" in answer.text
    assert len(answer.text) < 10_000
