"""Against the Airflow that is installed: every setting exists, and the credentials are really read by command."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from components.airflow_settings import (
    COMMAND_SETTINGS,
    airflow_config,
    checked_metadata_url,
    shared_env,
    task_env,
)
from stacks.errors import SettingsError

CONFIG = {
    sign_in: airflow_config(
        environment="test",
        namespace="airflow",
        host="airflow.example.org",
        execution_url="http://api/execution/",
        sign_in=sign_in,
        log_container="platform",
        statsd_host="airflow-statsd",
    )
    for sign_in in ("simple", "entra")
}
TASK_ENV = task_env(
    host="airflow.example.org",
    execution_url="http://api/execution/",
    log_account_url="https://logs.example.org/",
    environment="test",
)


def airflow_folder() -> Path:
    """Found without importing Airflow, which would read this machine's settings and make folders."""
    spec = importlib.util.find_spec("airflow")
    assert spec
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


@pytest.fixture(scope="module")
def described() -> dict[tuple[str, str], dict[str, object]]:
    """(section, key) -> description of every option of Airflow's core and of the installed providers."""
    folder = airflow_folder()
    sections = [yaml.safe_load((folder / "config_templates" / "config.yml").read_text())]
    sections += [provider.get("config", {}) for provider in provider_descriptions(folder)]
    return {
        (name, key): option
        for part in sections
        for name, section in part.items()
        for key, option in section["options"].items()
    }


def provider_descriptions(folder: Path) -> Iterator[dict[str, dict[str, dict[str, dict[str, object]]]]]:
    for file in sorted((folder / "providers").rglob("get_provider_info.py")):
        spec = importlib.util.spec_from_file_location("provider_info", file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.get_provider_info()


def settings_in(names: list[str]) -> list[tuple[str, str]]:
    """(section, key) of variables such as `AIRFLOW__CORE__FERNET_KEY_CMD`."""
    parts = [name.removesuffix("_CMD").lower().split("__") for name in names if name.startswith("AIRFLOW__")]
    return [(section, key) for _, section, key in parts]


@pytest.mark.parametrize("sign_in", ["simple", "entra"])
def test_no_setting_is_one_that_airflow_does_not_know(
    sign_in: str, described: dict[tuple[str, str], dict[str, object]]
) -> None:
    given = [(section, key) for section, settings in CONFIG[sign_in].items() for key in settings]
    assert len(given) > 20
    assert [setting for setting in given if setting not in described] == []


def test_no_variable_is_a_setting_that_airflow_does_not_know(
    described: dict[tuple[str, str], dict[str, object]],
) -> None:
    given = settings_in([*(variable["name"] for variable in shared_env()), *TASK_ENV])
    assert len(given) > 8
    assert [setting for setting in given if setting not in described] == []


def test_no_command_is_given_for_an_option_that_airflow_would_not_run_it_for(
    described: dict[tuple[str, str], dict[str, object]],
) -> None:
    given = settings_in(list(COMMAND_SETTINGS))
    assert len(given) == 4
    assert [setting for setting in given if described[setting].get("sensitive") is not True] == []


def test_airflow_reads_each_credential_from_its_file_and_derives_the_asynchronous_connection(tmp_path: Path) -> None:
    """In a process of its own, since Airflow reads its settings at import; SQLite, since only images hold drivers."""
    contents = {file: f"value-of-{file}" for file in COMMAND_SETTINGS.values()}
    contents["connection"] = f"sqlite:///{tmp_path}/airflow.db"
    for file, content in contents.items():
        (tmp_path / file).write_text(content)
    commands = {name: f"cat {tmp_path / file}" for name, file in COMMAND_SETTINGS.items()}
    options = settings_in(list(COMMAND_SETTINGS))
    script = (
        "import json, sys; from airflow.configuration import conf; from airflow import settings\n"
        f"known = {{key: conf.get(section, key) for section, key in {options!r}}}\n"
        "known['async'] = settings.SQL_ALCHEMY_CONN_ASYNC\n"
        "known['postgresql'] = settings._get_async_conn_uri_from_sync('postgresql+psycopg2://a:b@c:6432/d')\n"
        "print(json.dumps(known))"
    )
    home = {"AIRFLOW_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    result = subprocess.run([sys.executable, "-c", script], env={**home, **commands}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == {
        "fernet_key": "value-of-fernet-key",
        "secret_key": "value-of-api-secret-key",
        "jwt_secret": "value-of-jwt-secret",
        "sql_alchemy_conn": contents["connection"],
        "async": f"sqlite+aiosqlite:///{tmp_path}/airflow.db",
        "postgresql": "postgresql+asyncpg://a:b@c:6432/d",
    }


def test_a_task_pod_is_told_no_credential_and_no_command_that_prints_one() -> None:
    told = set(TASK_ENV) & {*COMMAND_SETTINGS, *(name.removesuffix("_CMD") for name in COMMAND_SETTINGS)}
    assert told == set()
    assert json.loads(TASK_ENV["AIRFLOW_CONN_ARIEL_LOGS"]) == {"conn_type": "wasb", "host": "https://logs.example.org/"}


def test_the_release_lists_no_bundle_and_watches_all_namespaces() -> None:
    for config in CONFIG.values():
        assert config["dag_processor"]["dag_bundle_config_list"] == "[]"
        assert config["kubernetes_executor"]["multi_namespace_mode_namespace_list"] == ""


def test_a_database_url_that_only_one_of_the_two_drivers_understands_is_refused_without_showing_its_password() -> None:
    url = "postgresql+psycopg2://login:word@pgbouncer:6432/ariel_runtime"
    assert checked_metadata_url(url) == url
    with pytest.raises(SettingsError, match="PGSSLMODE") as refusal:
        checked_metadata_url(f"{url}?sslmode=require&password=other")
    assert "word" not in str(refusal.value)
    assert "other" not in str(refusal.value)


def test_a_task_outlives_an_api_server_that_is_away_for_a_minute_but_not_the_schedulers_patience(
    described: dict[tuple[str, str], dict[str, object]],
) -> None:
    """Its result would be lost, or the scheduler would start it again beside the one that still runs."""
    retries = int(TASK_ENV["AIRFLOW__WORKERS__EXECUTION_API_RETRIES"])
    longest = float(TASK_ENV["AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX"])
    heartbeats = int(TASK_ENV["AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS"])
    # Between two tries Airflow waits for a random time: at least a second, at most twice as long as the time before.
    call = sum((1 + min(2**number, longest)) / 2 for number in range(retries - 1))
    patience = int(str(described["scheduler", "task_instance_heartbeat_timeout"]["default"]))
    assert 90 < call < call * heartbeats < patience
