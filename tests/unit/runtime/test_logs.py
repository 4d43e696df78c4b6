"""What the API server shows as a task's log: its own tenant's, and why a task got no pod."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import settings
from airflow.models.log import Log
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.providers.microsoft.azure.log.wasb_task_handler import WasbRemoteLogIO
from ariel_runtime import logs
from ariel_runtime.logs import TenantLogReader
from ariel_runtime.tenants import RegistryUnreadError
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from components.airflow_settings import logging_config
from tests.unit.runtime.tenants import tenant

PATH = "dag_id=weather.report/run_id=r/task_id=write/attempt=1.log"


class Storage:
    """The blob service behind the provider's handler: (container, blob) -> text."""

    blob_service_client = SimpleNamespace(account_name="logs", primary_endpoint="https://logs.blob.core.windows.net/")

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], str] = {}

    def get_blobs_list(self, *, container_name: str, prefix: str) -> list[str]:
        return [name for container, name in self.blobs if container == container_name and name.startswith(prefix)]

    def read_file(self, container: str, name: str) -> str:
        return self.blobs[container, name]


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    made = Storage()
    monkeypatch.setattr(WasbRemoteLogIO, "hook", made)
    for key, value in {**logging_config(), "base_log_folder": "/tmp"}.items():  # noqa: S108  nothing is written
        monkeypatch.setenv(f"AIRFLOW__LOGGING__{key.upper()}", value)
    monkeypatch.setenv("AIRFLOW__AZURE_REMOTE_LOGGING__REMOTE_WASB_LOG_CONTAINER", "platform")
    known = {slug: tenant(slug, log_container=f"logs-{slug}") for slug in ("weather", "mobility")}
    monkeypatch.setattr(logs, "tenant_of_dag", lambda dag_id: known.get(dag_id.partition(".")[0]))
    return made


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Airflow's table of events, which the scheduler writes."""
    engine = create_engine("sqlite://")
    Log.__table__.create(engine)
    session_of = sessionmaker(engine)
    monkeypatch.setattr(settings, "NonScopedSession", session_of)
    yield session_of
    engine.dispose()


def task(dag_id: str = "weather.report", try_number: int = 1) -> Any:
    return SimpleNamespace(dag_id=dag_id, task_id="write", run_id="r", map_index=-1, try_number=try_number)


def write(events: Any, extra: str, *, event: str = "state mismatch", dag_id: str = "weather.report") -> None:
    with events.begin() as session:
        session.add(Log(event=event, task_instance=TaskInstanceKey(dag_id, "write", "r", 1, -1), extra=extra))


@pytest.mark.parametrize(
    ("dag_id", "container"), [("weather.report", "logs-weather"), ("mobility.x", "logs-mobility"), ("old", "platform")]
)
def test_a_log_is_read_from_its_own_tenants_container(
    storage: Storage, events: Any, dag_id: str, container: str
) -> None:
    for each in ("logs-weather", "logs-mobility", "platform"):
        storage.blobs[each, f"runs/{PATH}"] = f"from {each}"
    sources, texts = TenantLogReader().read(PATH, task(dag_id))
    assert texts == [f"from {container}"]
    assert sources == [f"https://logs.blob.core.windows.net/{container}/runs/{PATH}"]


def test_the_log_of_a_task_without_a_pod_says_why(storage: Storage, events: Any) -> None:
    write(events, "Executor X reported that ... finished. Extra info: executor_config.ariel.size: 'XXL'\n  rule: ...")
    write(events, "of another DAG", dag_id="mobility.x")
    write(events, "of a person", event="clear")
    assert TenantLogReader().read(PATH, task())[1] == ["executor_config.ariel.size: 'XXL'\n  rule: ..."]
    assert TenantLogReader().read(PATH, task(try_number=2))[1] is None


def test_a_log_that_was_written_is_shown_without_events(storage: Storage, events: Any) -> None:
    write(events, "Extra info: the pod was evicted")
    storage.blobs["logs-weather", f"runs/{PATH}"] = "what the task wrote"
    assert TenantLogReader().read(PATH, task())[1] == ["what the task wrote"]


def test_a_registry_that_cannot_be_read_is_said_and_no_container_guessed(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(dag_id: str) -> None:
        raise RegistryUnreadError("the registry could not be read")

    monkeypatch.setattr(logs, "tenant_of_dag", unread)
    assert TenantLogReader().read(PATH, task()) == (["the registry could not be read"], None)


def test_a_starting_airflow_takes_the_reader_from_its_settings(tmp_path: Path) -> None:
    program = (
        "from airflow import settings; settings.initialize(); "
        "from airflow.logging_config import get_remote_task_log as found; print(type(found()).__name__)"
    )
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONFIG": os.devnull,
        "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS": "ariel_runtime.logs.LOGGING_CONFIG",
        **{f"AIRFLOW__LOGGING__{key.upper()}": value for key, value in logging_config().items()},
    }
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines()[-1:] == ["TenantLogReader"], ended.stderr
