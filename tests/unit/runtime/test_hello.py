"""The page `/hello/`: who sees a tenant's report, and what a tenant's picture can do to whoever looks at it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from airflow import settings
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.xcom import XComModel
from ariel_runtime.plugins.hello import HelloPlugin
from ariel_runtime.plugins.hello_app import app
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, event
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import StaticPool

RUN_IDS = count(1)
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Airflow's tables with two tenants' reports, of which weather has an older one too."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=OFF"))
    import_all_models()
    Base.metadata.create_all(engine)
    session_of = sessionmaker(engine)
    for name in ("Session", "NonScopedSession"):
        monkeypatch.setattr(settings, name, session_of)
    now = datetime.now(UTC)
    with session_of.begin() as session:
        for slug in ("weather", "mobility"):
            session.add(DagBundleModel(name=slug))
            session.add(DagModel(dag_id=f"{slug}.diagnostics", bundle_name=slug, fileloc="x", relative_fileloc="x"))
        session.add(report("weather.diagnostics", "old", now - timedelta(hours=1)))
        session.add(report("weather.diagnostics", "<b>new</b>", now))
        session.add(report("weather.forecast", "not a report", now))
        session.add(report("mobility.diagnostics", "trips", now))
    yield session_of
    engine.dispose()


def report(dag_id: str, text: str, when: datetime) -> XComModel:
    return XComModel(
        dag_id=dag_id,
        task_id="report",
        run_id=str(uuid4()),
        dag_run_id=next(RUN_IDS),
        map_index=-1,
        key="return_value",
        timestamp=when,
        value={"text": text, "picture": SVG},
    )


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
    assert (answer.status_code, answer.text) == (200, SVG)
    assert answer.headers["content-type"] == "image/svg+xml"
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
