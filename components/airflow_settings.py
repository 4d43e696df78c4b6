"""What the release says to Airflow: sections of `airflow.cfg`, and the few settings that must be variables.

Every section and key exists in Airflow 3.3 or in a provider of the image; a unit test reads their descriptions.
Values are strings: the chart prints numbers from a million on in scientific notation.
"""

from __future__ import annotations

import json
from typing import Final, Literal

from components.network_policy import STATSD_PORT
from stacks.errors import Problem, SettingsError

SignIn = Literal["simple", "entra"]

TASK_PATIENCE: Final = {
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "24",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "10",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "2",
}
"""How long a task bears an API server that is away: about two minutes per call, about four for its heartbeats, which
is less than the scheduler waits for one (`task_instance_heartbeat_timeout`). By default half a minute ends a task, and
ten seconds lose its result."""

CREDENTIALS_PATH: Final = "/etc/ariel/credentials"
EXECUTOR: Final = "ariel_runtime.executor.TenantKubernetesExecutor"
ENVIRONMENT: Final = "ARIEL_ENVIRONMENT"
"""Tells code of tenants the name of the stack."""
LOG_CONNECTION: Final = "ariel_logs"
LOG_CONNECTION_VARIABLE: Final = f"AIRFLOW_CONN_{LOG_CONNECTION.upper()}"
HEALTH_PORT: Final = 8974
"""`[scheduler] scheduler_health_check_server_port`, its default."""

COMMAND_SETTINGS: Final = {
    "AIRFLOW__CORE__FERNET_KEY_CMD": "fernet-key",
    "AIRFLOW__API__SECRET_KEY_CMD": "api-secret-key",
    "AIRFLOW__API_AUTH__JWT_SECRET_CMD": "jwt-secret",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": "connection",
}
"""Variable -> file below CREDENTIALS_PATH. Airflow runs the command of a sensitive option whose plain variable is
absent; the asynchronous connection is derived from the same URL by exchanging the driver."""

AUTH_MANAGERS: Final[dict[SignIn, str]] = {
    "simple": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
    "entra": "ariel_runtime.auth.EntraAuthManager",
}


def checked_metadata_url(url: str) -> str:
    """The URL as it is, without a query: psycopg2 and asyncpg read the same one, and have no option in common.

    Raises SettingsError, which does not repeat the URL, since it holds a password.
    """
    if "?" in url:
        raise SettingsError(
            [
                Problem(
                    path="metadata connection",
                    value="a URL with a query",
                    rule="no query: the synchronous and the asynchronous driver read the same URL",
                    action="set PGSSLMODE and PGSSLROOTCERT, which both drivers read",
                )
            ]
        )
    return url


def shared_env() -> list[dict[str, str]]:
    """Variables of every Airflow container of the release.

    The executor must be a variable: the chart knows only built-in names, and copies its own setting into a label,
    where neither a class path nor a semicolon is allowed.
    """
    executor = {"name": "AIRFLOW__CORE__EXECUTOR", "value": EXECUTOR}
    commands = [
        {"name": name, "value": f"cat {CREDENTIALS_PATH}/{file}"} for name, file in sorted(COMMAND_SETTINGS.items())
    ]
    return [executor, *commands]


def log_connection(account_url: str) -> str:
    """The connection to the log storage. Without key, password or SAS the provider signs in by workload identity."""
    return json.dumps({"conn_type": "wasb", "host": account_url})


def logging_config() -> dict[str, str]:
    """Task logs go to blob storage; components write JSON lines to standard output."""
    return {
        "remote_logging": "True",
        "remote_base_log_folder": "wasb://runs",
        "remote_log_conn_id": LOG_CONNECTION,
        "delete_local_logs": "True",
        "json_logs": "True",
        "colored_console_log": "False",
    }


def task_env(*, host: str, execution_url: str, log_account_url: str, environment: str) -> dict[str, str]:
    """Plain settings of a task pod, which cannot mount the release's `airflow.cfg` from its own namespace.

    The entry point's own check of the database (20 tries) is off: a task pod has no database.
    """
    logging = {f"AIRFLOW__LOGGING__{key.upper()}": value for key, value in logging_config().items()}
    return {
        "CONNECTION_CHECK_MAX_COUNT": "0",
        # No file: a worker would write one, with keys that it makes up.
        "AIRFLOW_CONFIG": "/dev/null",
        # For links in what a task tells people; it speaks to Airflow by the internal address.
        "AIRFLOW__API__BASE_URL": f"https://{host}",
        "AIRFLOW__API__INSTANCE_NAME": environment,
        ENVIRONMENT: environment,
        # Imports Azure's libraries when the first log is sent, not before the task starts.
        "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS": "ariel_runtime.task_logs.LOGGING_CONFIG",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": execution_url,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        LOG_CONNECTION_VARIABLE: log_connection(log_account_url),
        **TASK_PATIENCE,
        **logging,
    }


def airflow_config(
    *,
    environment: str,
    namespace: str,
    host: str,
    execution_url: str,
    sign_in: SignIn,
    log_container: str,
    statsd_host: str,
) -> dict[str, dict[str, str]]:
    """`airflow.cfg` of scheduler and API server.

    No bundle stands here: the DAG processors of the tenants own them, and the chart would otherwise write a list
    with a folder that does not exist. An empty namespace list means one watch over the whole cluster.
    """
    core = {
        "executor": "KubernetesExecutor",
        "auth_manager": AUTH_MANAGERS[sign_in],
        "multi_team": "True",
        # A DAG that was asked for before it was there would count as one of no team for half a minute: everybody's.
        "team_name_cache_ttl": "0",
        "load_examples": "False",
        "execution_api_server_url": execution_url,
    }
    if sign_in == "simple":
        core["simple_auth_manager_users"] = "admin:admin"
    return {
        "core": core,
        # What the UI and the tasks call this environment: the name of its stack.
        "api": {"base_url": f"https://{host}", "instance_name": environment},
        "scheduler": {
            "enable_health_check": "True",
            "scheduler_health_check_server_host": "127.0.0.1",
            # What a dead scheduler had queued waits for this; the default is five minutes.
            "orphaned_tasks_check_interval": "60",
        },
        "dag_processor": {"dag_bundle_config_list": "[]"},
        "logging": logging_config(),
        "azure_remote_logging": {"remote_wasb_log_container": log_container},
        "metrics": {
            "statsd_on": "True",
            "statsd_host": statsd_host,
            "statsd_port": str(STATSD_PORT),
            "statsd_prefix": "airflow",
            # DAG ids hold dots, so an id inside a metric's name could not be told from the name; as a tag it can.
            "statsd_influxdb_enabled": "True",
            "legacy_names_on": "False",
        },
        "kubernetes_executor": {
            "namespace": namespace,
            "multi_namespace_mode": "True",
            "multi_namespace_mode_namespace_list": "",
            "pod_template_file": "/opt/airflow/pod_templates/pod_template_file.yaml",
            # Empty, so that the image of the template counts, by digest too.
            "worker_container_repository": "",
            "worker_container_tag": "",
            # The default of one pod per scheduler loop makes a burst wait one to two seconds for each pod.
            "worker_pods_creation_batch_size": "16",
            # A full quota, or an API server that is busy, is tried again; by default either fails the task at once.
            "task_publish_max_retries": "-1",
            "delete_worker_pods_on_failure": "True",
        },
    }
