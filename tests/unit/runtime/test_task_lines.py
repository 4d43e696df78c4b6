"""What a task's log says and hides: a task that leaks, run by Airflow's own supervisor in a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from airflow.sdk import configuration
from airflow.sdk.api.client import Client
from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
from airflow.sdk.execution_time.supervisor import supervise_task
from airflow.sdk.listener import get_listener_manager
from ariel_runtime import log_fields
from ariel_runtime.secrets import backend
from ariel_runtime.secrets.key_vault import TenantKeyVault
from ariel_runtime.secrets.repository_files import RepositoryFiles

from components.tenant_airflow import SECRETS_BACKEND

PASSWORD = "pass-word-of-the-warehouse"  # noqa: S105
TOKEN = "first-line-of-the-token\nsecond-line-of-the-token"  # noqa: S105
VAULT = {
    "airflow-connections-warehouse": json.dumps({"conn_type": "postgres", "host": "db", "password": PASSWORD}),
    "airflow-secrets-api--5ftoken": TOKEN,
}
DAG = """
import logging
from airflow.sdk import DAG, Connection, task
from ariel_runtime import secrets

with DAG("weather.leak"):
    @task
    def leak(rendered):
        password = Connection.get("warehouse").password
        token = secrets.get("api_token")
        print("printed", password)
        print("printed", token)
        logging.getLogger("weather").info("logged %s", password, extra={"token": token})
        raise ValueError(f"no sign-in as {password} with {token}")

    leak("{{ conn.warehouse.password }}")
"""
CONTEXT = {
    "dag_run": {
        "dag_id": "weather.leak",
        "run_id": "manual__1",
        "run_type": "manual",
        "state": "running",
        "run_after": "2026-11-21T06:00:00Z",
        "start_date": "2026-11-21T06:00:00Z",
        **dict.fromkeys(("logical_date", "end_date", "data_interval_start", "data_interval_end", "partition_key")),
        "consumed_asset_events": [],
    },
    "max_tries": 0,
    "should_retry": False,
}
SECRETS = (PASSWORD, *TOKEN.splitlines())


@dataclass(frozen=True)
class Ended:
    lines: list[dict[str, Any]]
    text: str
    """Of its whole log."""
    rendered: Any
    """What is kept of the arguments, for the UI."""
    task: UUID


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("leak")
    (folder / "leak.py").write_text(DAG)
    asked: dict[str, Any] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        """In the place of the Execution API."""
        asked[request.url.path.rpartition("/")[2]] = json.loads(request.content or "null")
        return httpx.Response(200, json=CONTEXT if request.url.path.endswith("/run") else {})

    bundle = {"name": "weather", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle"}
    arguments = {"vault_url": "https://vault", "owner": "airflow-", "repository": {"url": "git://m", "branch": "main"}}
    environment = {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([{**bundle, "kwargs": {"path": str(folder)}}]),
        "AIRFLOW__WORKERS__SECRETS_BACKEND": SECRETS_BACKEND,
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": json.dumps(arguments),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder),
        "ARIEL_ENVIRONMENT": "local",
    }
    which = TaskInstance(
        id=uuid4(), task_id="leak", dag_id="weather.leak", run_id="manual__1", try_number=1, dag_version_id=uuid4()
    )
    manager = get_listener_manager()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(TenantKeyVault, "read", lambda self, name: VAULT.get(name))
        patch.setattr(backend, "fetch", lambda *_: RepositoryFiles())
        configuration.clear_secrets_backends_cache()
        manager.add_listener(log_fields)
        supervise_task(
            ti=which,
            bundle_info=BundleInfo(name="weather"),
            dag_rel_path="leak.py",
            token="",
            client=Client(base_url="http://api", token="", transport=httpx.MockTransport(answer)),
            log_path="leak.log",
        )
        manager.pm.unregister(log_fields)
    configuration.clear_secrets_backends_cache()
    text = (folder / "leak.log").read_text()
    return Ended([json.loads(line) for line in text.splitlines()], text, asked["rtif"], which.id)


def line(ended: Ended, event: str) -> dict[str, Any]:
    found = [each for each in ended.lines if each["event"].startswith(event)]
    assert found, ended.text
    return found[0]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_task_leaks_no_secret_by_its_log(ended: Ended, secret: str) -> None:
    """Printed, logged, as a field of a line, and in an exception's text with its traceback."""
    assert line(ended, "printed")["event"] == "printed ***"
    assert line(ended, "logged")["event"] == "logged ***"
    assert "no sign-in as ***" in ended.text
    assert secret not in ended.text


def test_a_task_leaks_no_secret_by_what_is_kept_of_its_arguments(ended: Ended) -> None:
    assert "***" in json.dumps(ended.rendered)
    assert not any(secret in json.dumps(ended.rendered) for secret in SECRETS)


@pytest.mark.parametrize("event", ["logged", "Task failed with exception"])
def test_each_line_says_whose_it_is(ended: Ended, event: str) -> None:
    """One query finds a team's lines, a run's or a try's; what is printed has the pod's labels only."""
    found = line(ended, event)
    expected = {
        "team": "weather",
        "dag_id": "weather.leak",
        "run_id": "manual__1",
        "task_id": "leak",
        "try_number": 1,
        "ti_id": str(ended.task),
    }
    assert {key: found.get(key) for key in expected} == expected
