"""The application behind `/ariel/secrets/`, with vaults and database in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.models import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from ariel_runtime.plugins import secrets_app
from ariel_runtime.plugins.secrets_app import app
from ariel_runtime.registry import Vault
from ariel_runtime.secrets import desk
from fastapi.testclient import TestClient

from tests.unit.runtime.metadata_tables import metadata_tables
from tests.unit.runtime.secrets_plugin.team_secrets import DAG_ID, Client
from tests.unit.runtime.tenants import tenant


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
