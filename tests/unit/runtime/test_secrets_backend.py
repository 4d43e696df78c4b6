"""The secrets backend of tenants: what it asks the vault, how often, and what a vault that fails does to a task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection, Variable, configuration, timezone
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSecretsBackendAccessDenied
from airflow.sdk.observability import stats
from ariel_runtime import secrets
from ariel_runtime.git import GitError
from ariel_runtime.secrets import backend as backend_module
from ariel_runtime.secrets.backend import TenantSecretsBackend
from ariel_runtime.secrets.key_vault import TenantKeyVault
from ariel_runtime.secrets.repository_files import RepositoryFiles
from azure.core.exceptions import HttpResponseError, ODataV4Format, ResourceNotFoundError, ServiceRequestError
from azure.keyvault.secrets import KeyVaultSecret, SecretProperties
from structlog.testing import capture_logs

from components.airflow_settings import LOG_CONNECTION, LOG_CONNECTION_VARIABLE, logging_config
from components.tenant_airflow import SECRETS_BACKEND

URL = "https://kv-weather.vault.azure.net/"
ARGUMENTS: dict[str, Any] = {
    "vault_url": URL,
    "owner": "airflow-",
    "repository": {"url": "git://mirror/weather", "branch": "main"},
}


class Vault:
    """What stands behind Azure's client: secrets by name, and what else it answers."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.not_before = self.expires_on = None

    def get_secret(self, name: str) -> KeyVaultSecret:
        self.asked.append(name)
        if self.error:
            raise self.error
        if name not in self.secrets:
            raise not_found("SecretNotFound")
        properties = SecretProperties(vault_id=f"{URL}secrets/{name}/1")
        properties._attributes = type("Attributes", (), {"expires": self.expires_on, "not_before": self.not_before})()
        return KeyVaultSecret(properties, self.secrets[name])


def not_found(code: str) -> ResourceNotFoundError:
    error = ResourceNotFoundError("not found")
    error.error = ODataV4Format({"code": code, "message": "not found"})
    return error


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    made = Vault()
    monkeypatch.setattr(TenantKeyVault, "client", made)
    return made


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Fields of what the team's repository holds, for the environment `local`; `error` is raised instead."""
    made: dict[str, Any] = {}

    def fetch(*asked: str) -> RepositoryFiles:
        assert asked == ("git://mirror/weather", "main", "local")
        if "error" in made:
            raise made["error"]
        return RepositoryFiles(**made)

    monkeypatch.setattr(backend_module, "fetch", fetch)
    monkeypatch.setenv("ARIEL_ENVIRONMENT", "local")
    return made


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(kind, answer) of each look-up."""
    found: list[tuple[str, str]] = []

    def incr(name: str, tags: dict[str, str]) -> None:
        assert name == "ariel.secrets.lookups"
        found.append((tags["kind"], tags["answer"]))

    monkeypatch.setattr(stats, "incr", incr)
    return found


@pytest.fixture
def task(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """A process that looks things up as a task does, with Airflow's own order of sources."""
    monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND", SECRETS_BACKEND)
    monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS", json.dumps(ARGUMENTS))
    configuration.clear_secrets_backends_cache()
    yield vault
    configuration.clear_secrets_backends_cache()


def test_a_tenants_secrets_come_from_its_vault_and_airflows_settings_do_not(vault: Vault) -> None:
    vault.secrets = {"airflow-connections-warehouse": "postgres://", "airflow-variables-city--5fname": "Hamburg"}
    backend = TenantSecretsBackend(**ARGUMENTS)
    assert backend.get_conn_value("warehouse") == "postgres://"
    assert backend.get_variable("city_name") == "Hamburg"
    assert backend.get_secret("city_name") is None
    assert backend.get_config("sql_alchemy_conn") is None
    assert vault.asked == [
        "airflow-connections-warehouse",
        "airflow-variables-city--5fname",
        "airflow-secrets-city--5fname",
    ]


def test_a_secret_is_read_once_and_each_look_up_is_counted(vault: Vault, counted: list[tuple[str, str]]) -> None:
    vault.secrets = {"airflow-variables-city": "Hamburg"}
    backend = TenantSecretsBackend(**ARGUMENTS)
    with capture_logs() as logs:
        assert [backend.get_variable("city") for _ in range(3)] == ["Hamburg"] * 3
        assert [backend.get_conn_value("none") for _ in range(2)] == [None] * 2
    assert vault.asked == ["airflow-variables-city", "airflow-connections-none"]
    remembered = ("variable", "remembered")
    assert counted == [
        ("variable", "vault"),
        remembered,
        remembered,
        ("connection", "absent"),
        ("connection", "remembered"),
    ]
    assert [(each["id"], each["answer"]) for each in logs] == [("city", "found"), ("none", "absent")]
    assert "Hamburg" not in str(logs)


@pytest.mark.parametrize(("value", "setting"), [("old", "FOUND_SECONDS"), (None, "ABSENT_SECONDS")])
def test_what_was_remembered_for_its_time_is_asked_anew(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, value: str | None, setting: str
) -> None:
    monkeypatch.setattr(backend_module, setting, 0.0)
    backend = TenantSecretsBackend(**ARGUMENTS)
    if value:
        vault.secrets["airflow-variables-city"] = value
    assert backend.get_variable("city") == value
    vault.secrets["airflow-variables-city"] = "new"
    assert backend.get_variable("city") == "new"


def test_what_the_platform_gives_is_not_asked_of_the_vault(vault: Vault) -> None:
    """Each such question would stand between a task that is queued and one that runs."""
    assert TenantSecretsBackend(**ARGUMENTS).get_conn_value(LOG_CONNECTION) is None
    assert vault.asked == []


def test_the_vault_comes_before_the_environment(task: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://environment")
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "environment")
    assert Connection.get("warehouse").host == "environment"
    assert Variable.get("city") == "environment"
    configuration.clear_secrets_backends_cache()
    task.secrets = {"airflow-connections-warehouse": "postgres://vault", "airflow-variables-city": "vault"}
    assert Connection.get("warehouse").host == "vault"
    assert Variable.get("city") == "vault"


def test_the_repository_comes_between_vault_and_environment(
    task: Vault, files: dict[str, Any], counted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://environment")
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "environment")
    password = {"secret": "warehouse.password"}
    files["connections"] = {"warehouse": {"conn_type": "postgres", "host": "repository", "password": password}}
    files["variables"] = {"city": "repository"}
    task.secrets = {"airflow-secrets-warehouse--2epassword": "hunter2"}
    warehouse = Connection.get("warehouse")
    assert (warehouse.host, warehouse.password) == ("repository", "hunter2")
    assert Variable.get("city") == "repository"
    assert counted == [("secret", "vault"), ("connection", "repository"), ("variable", "repository")]
    configuration.clear_secrets_backends_cache()
    task.secrets |= {"airflow-connections-warehouse": "postgres://vault", "airflow-variables-city": "vault"}
    assert (Connection.get("warehouse").host, Variable.get("city")) == ("vault", "vault")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"connections": {"warehouse": {"conn_type": "http", "password": {"secret": "absent"}}}}, "ariel secrets set"),
        ({"error": GitError("the mirror is away")}, "the mirror is away"),
    ],
)
def test_a_repository_that_cannot_answer_ends_the_search(
    task: Vault, files: dict[str, Any], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://another")
    files.update(change)
    with pytest.raises(AirflowSecretsBackendAccessDenied, match=said):
        Connection.get("warehouse")


FAILURES = [
    HttpResponseError("Too many requests"),
    ServiceRequestError("Connection timed out"),
    HttpResponseError("Operation get is not allowed on a disabled secret."),
    not_found("VaultNotFound"),
    ValueError("The challenge is not for this vault"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_no_other_source_stands_in_for_a_vault_that_fails(
    task: Vault, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://another")
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "another")
    task.error = failure
    for look_up in (lambda: Connection.get("warehouse"), lambda: Variable.get("city", default="x")):
        with pytest.raises(AirflowSecretsBackendAccessDenied) as refused:
            look_up()
        assert str(failure).splitlines()[0] in str(refused.value)


def test_a_failure_is_not_remembered(vault: Vault) -> None:
    backend = TenantSecretsBackend(**ARGUMENTS)
    vault.error = FAILURES[0]
    with pytest.raises(AirflowSecretsBackendAccessDenied):
        backend.get_variable("city")
    vault.error, vault.secrets = None, {"airflow-variables-city": "Hamburg"}
    assert backend.get_variable("city") == "Hamburg"


def test_a_secret_outside_its_time_is_not_used(vault: Vault) -> None:
    vault.secrets = {"airflow-variables-city": "Hamburg"}
    backend = TenantSecretsBackend(**ARGUMENTS)
    vault.expires_on = timezone.utcnow() - timedelta(hours=1)
    with pytest.raises(AirflowSecretsBackendAccessDenied, match="expired at"):
        backend.get_variable("city")
    vault.expires_on, vault.not_before = None, timezone.utcnow() + timedelta(hours=1)
    with pytest.raises(AirflowSecretsBackendAccessDenied, match="not valid before"):
        backend.get_variable("city")


@pytest.mark.parametrize(
    "text", ["{not json: hunter2", " ", "hunter2", '{"host": "hunter2"}', '{"conn_type": "http", "password": 12345}']
)
def test_what_is_no_connection_is_refused_without_showing_it(
    task: Vault, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://another")
    task.secrets = {"airflow-connections-warehouse": text}
    with pytest.raises(AirflowSecretsBackendAccessDenied, match="connection warehouse") as refused:
        Connection.get("warehouse")
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_comes_from_a_vault_is_masked_whatever_its_name(task: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr(backend_module, "mask_secret", masked.append)
    task.secrets = {
        "airflow-variables-pin": "hunter2",
        "airflow-secrets-key": "-----BEGIN-----\nc2VjcmV0\n\n-----END-----",
    }
    for look_up in (lambda: Variable.get("pin"), lambda: secrets.get("key")):
        look_up()
    assert {"hunter2", "-----BEGIN-----\nc2VjcmV0\n\n-----END-----", "c2VjcmV0"} <= set(masked)


def test_another_teams_name_is_refused_before_any_vault_is_asked(task: Vault) -> None:
    with pytest.raises(AirflowSecretsBackendAccessDenied, match="separates a team from its names"):
        Variable.get("mobility--city")
    assert task.asked == []


def test_what_is_nowhere_is_airflows_own_error(task: Vault) -> None:
    with pytest.raises(AirflowNotFoundException):
        Connection.get("warehouse")


def test_dag_code_gets_a_plain_secret_by_its_name_alone(task: Vault) -> None:
    task.secrets = {"airflow-secrets-api--5ftoken": "hunter2"}
    assert secrets.get("api_token") == "hunter2"
    with pytest.raises(secrets.SecretMissingError, match="ariel secrets set"):
        secrets.get("absent")


def test_a_plain_secret_at_the_top_of_a_dag_file_is_refused() -> None:
    configuration.clear_secrets_backends_cache()
    with pytest.raises(secrets.SecretMissingError, match="move the call into the task"):
        secrets.get("api_token")


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
        "AIRFLOW__WORKERS__SECRETS_BACKEND": SECRETS_BACKEND,
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": json.dumps(ARGUMENTS),
        LOG_CONNECTION_VARIABLE: json.dumps({"conn_type": "wasb", "host": "https://logs.blob.core.windows.net"}),
    }
    command = [sys.executable, "-c", STARTING]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    started, written = map(json.loads, ended.stdout.splitlines()[-2:])
    assert started == {"backends": ["TenantSecretsBackend", "EnvironmentVariablesBackend"], "azure": []}
    assert written == {"logs-weather:runs/dag_id=weather.x/attempt=1.log": "what the task said"}


def test_a_slow_answer_holds_up_nobody_who_asks_for_another(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A triggerer looks up for all its triggers by one backend."""
    vault.secrets = {"airflow-variables-slow": "1", "airflow-variables-quick": "2"}
    backend = TenantSecretsBackend(**ARGUMENTS)
    asked, go_on = threading.Event(), threading.Event()
    give = vault.get_secret

    def slowly(name: str) -> KeyVaultSecret:
        if name.endswith("slow"):
            asked.set()
            assert go_on.wait(30)
        return give(name)

    monkeypatch.setattr(vault, "get_secret", slowly)
    slow: list[str | None] = []
    threads = [threading.Thread(target=lambda: slow.append(backend.get_variable("slow"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert asked.wait(30)
    quick: list[str | None] = []
    other = threading.Thread(target=lambda: quick.append(backend.get_variable("quick")), daemon=True)
    other.start()
    other.join(30)
    found = list(quick)
    go_on.set()
    for thread in threads:
        thread.join()
    assert (found, slow) == (["2"], ["1", "1"])
    assert vault.asked.count("airflow-variables-slow") == 1, "who asks for the same waits for the one answer"
