"""The secrets backend of tenants: what it asks the vault, and what it must not cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.providers.microsoft.azure.secrets.key_vault import AzureKeyVaultBackend
from ariel_runtime.vault import TenantVaultBackend

from components.airflow_settings import LOG_CONNECTION, LOG_CONNECTION_VARIABLE, logging_config

ARGUMENTS = {"vault_url": "https://vault", "connections_prefix": "airflow-connections", "config_prefix": None}


class Vault:
    """What stands behind the provider's backend."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str]] = []
        monkeypatch.setattr(AzureKeyVaultBackend, "_get_secret_value", self._value)

    def _value(self, prefix: str, name: str) -> str:
        self.asked.append((prefix, name))
        return f"secret of {name}"


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    return Vault(monkeypatch)


def test_a_tenants_secrets_come_from_its_vault(vault: Vault) -> None:
    backend = TenantVaultBackend(**ARGUMENTS)
    assert backend.get_conn_value("warehouse") == "secret of warehouse"
    assert backend.get_variable("city") == "secret of city"
    assert backend.get_config("sql_alchemy_conn") is None
    assert vault.asked == [("airflow-connections", "warehouse"), ("airflow-variables", "city")]


def test_what_the_pod_was_told_is_not_asked_of_the_vault(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each such question would stand between a task that is queued and one that runs."""
    monkeypatch.setenv(LOG_CONNECTION_VARIABLE, "{}")
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Hamburg")
    backend = TenantVaultBackend(**ARGUMENTS)
    assert backend.get_conn_value(LOG_CONNECTION) is None
    assert backend.get_variable("city") is None
    assert vault.asked == []


STARTING = """
import json, sys
from airflow.sdk.execution_time.supervisor import _configure_logging, ensure_secrets_backend_loaded
import airflow.sdk.execution_time.execute_workload

_, file = _configure_logging("dag_id=weather.x/attempt=1.log", client=None)
file.write(b"what the task said"); file.close()
backends = [type(each).__name__ for each in ensure_secrets_backend_loaded()]
azure = sorted(name for name in sys.modules if name.partition(".")[0] == "azure")
print(json.dumps({"backends": backends, "azure": azure}))

from airflow.providers.microsoft.azure.log.wasb_task_handler import WasbRemoteLogIO
from airflow.sdk.log import load_remote_log_handler

written = {}
class Storage:
    def check_for_blob(self, *_): return False
    def load_string(self, text, container, name, overwrite): written[container + ":" + name] = text
WasbRemoteLogIO.hook = Storage()
load_remote_log_handler().upload("dag_id=weather.x/attempt=1.log")
print(json.dumps(written))
"""


def test_a_starting_task_imports_nothing_of_azure_and_its_log_arrives_all_the_same(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONFIG": os.devnull,
        **{f"AIRFLOW__LOGGING__{key.upper()}": value for key, value in logging_config().items()},
        "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS": "ariel_runtime.task_logs.LOGGING_CONFIG",
        "AIRFLOW__AZURE_REMOTE_LOGGING__REMOTE_WASB_LOG_CONTAINER": "logs-weather",
        "AIRFLOW__WORKERS__SECRETS_BACKEND": "ariel_runtime.vault.TenantVaultBackend",
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": json.dumps(ARGUMENTS),
        LOG_CONNECTION_VARIABLE: json.dumps({"conn_type": "wasb", "host": "https://logs.blob.core.windows.net"}),
    }
    command = [sys.executable, "-c", STARTING]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    started, written = map(json.loads, ended.stdout.splitlines()[-2:])
    assert started == {"backends": ["TenantVaultBackend", "EnvironmentVariablesBackend"], "azure": []}
    assert written == {"logs-weather:runs/dag_id=weather.x/attempt=1.log": "what the task said"}
