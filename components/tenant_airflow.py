"""What a tenant's own Airflow processes have in common: settings, folders and the connection to the database.

They run code of the tenant, which can read all that they can. So they get no JWT secret, no API secret, and the login
of a database role of the tenant's own; the triggerer alone gets the Fernet key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pulumi
from pulumi_kubernetes import apps, core

from components.airflow_settings import (
    ENVIRONMENT,
    EXECUTOR,
    LOG_CONNECTION_VARIABLE,
    log_connection,
    logging_config,
)
from components.git_mirror import mirror_url
from components.pod import INIT, NAME_LABEL, Manifest, container, labels, mount, pod, scratch_volume, secret_volume
from components.service_account import service_account
from stacks.model import Resources
from stacks.quantity import millicores
from stacks.tenant import Application, Repository

SECRETS_BACKEND: Final = "ariel_runtime.secrets.backend.TenantSecretsBackend"
APPLICATIONS: Final = "ARIEL_APPLICATIONS"
"""Variable by which `ariel_runtime.identity` knows the tenant's applications."""
REFRESH_SECONDS: Final = 20
"""With the mirror's own pause: a push is seen within a minute, where Airflow finds the time; the promise is five."""

_GIT_CONNECTION: Final = "git_default"
_GIT_CONNECTION_VARIABLE: Final = f"AIRFLOW_CONN_{_GIT_CONNECTION.upper()}"
_NO_CREDENTIALS: Final = '{"conn_type": "git"}'
"""The git provider asks for its connection even where the bundle names its URL; it holds nothing."""
_CREDENTIALS: Final = "/etc/ariel/credentials"
_LEAST_CPU_LIMIT: Final = "1"
_BUNDLES: Final = "/var/lib/ariel/bundles"


def bundle_list(slug: str, repository: Repository, *, team: bool) -> str:
    """`[dag_processor] dag_bundle_config_list` with the tenant's bundle only, fetched from its mirror.

    The `team` goes with the bundle where the database is written; a task pod knows no teams.
    """
    bundle = {
        "name": slug,
        "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
        "kwargs": {
            "repo_url": mirror_url(slug),
            "tracking_ref": repository.branch,
            "subdir": repository.path,
            "refresh_interval": REFRESH_SECONDS,
        },
        **({"team_name": slug} if team else {}),
    }
    return json.dumps([bundle], sort_keys=True)


def environment(slug: str, repository: Repository, stack: str) -> dict[str, pulumi.Input[str]]:
    """Settings of a tenant's DAG processor and triggerer.

    There is no configuration file: Airflow would write one at the first start, with keys that it makes up.
    """
    return {
        "AIRFLOW_CONFIG": "/dev/null",
        "AIRFLOW__CORE__EXECUTOR": EXECUTOR,
        # The liveness probe looks for this pod's job by the same name.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MULTI_TEAM": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": f"cat {_CREDENTIALS}/connection",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundle_list(slug, repository, team=True),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": _BUNDLES,
        "AIRFLOW__LOGGING__JSON_LOGS": "True",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        _GIT_CONNECTION_VARIABLE: _NO_CREDENTIALS,
        ENVIRONMENT: stack,
    }


def secrets_environment(
    slug: str, repository: Repository, vault_url: pulumi.Input[str], *, shared: bool
) -> dict[str, pulumi.Input[str]]:
    """The tenant's Key Vault and repository as secrets backend; `shared` puts its slug before its names in the vault.

    Two hyphens end the slug, which holds no two in a row; `ariel_runtime.secrets.names` makes the names.
    """
    arguments = {
        "vault_url": vault_url,
        "owner": f"{slug}--" if shared else "airflow-",
        "repository": {"url": mirror_url(slug), "branch": repository.branch},
    }
    return {
        "AIRFLOW__SECRETS__BACKEND": SECRETS_BACKEND,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": pulumi.Output.json_dumps(arguments, sort_keys=True),
    }


def application_environment(applications: Mapping[str, Application], directory: str) -> dict[str, pulumi.Input[str]]:
    """The tenant's applications by name; `directory` is the Entra tenant of those that name none.

    A tenant without any gets no variable, so that its entry is as it was before there were applications.
    """
    listed = {
        name: {"clientId": each.client_id, "tenantId": each.tenant_id or directory, "certificate": each.certificate}
        for name, each in applications.items()
    }
    return {APPLICATIONS: json.dumps(listed, sort_keys=True)} if listed else {}


def task_environment(
    slug: str,
    repository: Repository,
    *,
    vault_url: pulumi.Input[str],
    shared_vault: bool,
    log_container: pulumi.Input[str],
    applications: Mapping[str, Application],
    directory: str,
) -> dict[str, pulumi.Input[str]]:
    """What the tenant adds to the settings of its task pods; a worker's secrets backend stands in `workers`."""
    backend, arguments = secrets_environment(slug, repository, vault_url, shared=shared_vault).values()
    return {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundle_list(slug, repository, team=False),
        "AIRFLOW__WORKERS__SECRETS_BACKEND": backend,
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": arguments,
        "AIRFLOW__AZURE_REMOTE_LOGGING__REMOTE_WASB_LOG_CONTAINER": log_container,
        _GIT_CONNECTION_VARIABLE: _NO_CREDENTIALS,
        **application_environment(applications, directory),
    }


def log_environment(account_url: pulumi.Input[str], log_container: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Logs of tasks and triggers go to the tenant's own container, by workload identity."""
    settings = {f"AIRFLOW__LOGGING__{key.upper()}": value for key, value in logging_config().items()}
    return {
        **settings,
        "AIRFLOW__AZURE_REMOTE_LOGGING__REMOTE_WASB_LOG_CONTAINER": log_container,
        LOG_CONNECTION_VARIABLE: pulumi.Output.from_input(account_url).apply(log_connection),
    }


def liveness(job_type: str) -> Manifest:
    """Probes that ask whether this pod's job has a heartbeat in the database.

    Airflow's own check (`airflow jobs check`) costs two seconds of CPU for its imports: with thirty tenants, two cores
    would do nothing else. Five in a row must fail, so that a database which fails over restarts nothing.
    """
    command = ["python", "-m", "ariel_runtime.alive", job_type, f"{_CREDENTIALS}/connection"]
    probe = {"exec": {"command": command}, "timeoutSeconds": 20}
    return {
        "startupProbe": {**probe, "periodSeconds": 10, "failureThreshold": 30},
        "livenessProbe": {**probe, "periodSeconds": 60, "failureThreshold": 5},
    }


def cpu_limit(resources: Resources) -> str:
    """The request, but at least a core: below it a start, which costs seconds of CPU for imports, takes a minute."""
    return max(resources.cpu, _LEAST_CPU_LIMIT, key=millicores)


def workload(
    name: str,
    *,
    component: str,
    slug: str,
    namespace: pulumi.Input[str],
    image: pulumi.Input[str],
    command: list[str],
    resources: Resources,
    replicas: int,
    environment: Mapping[str, pulumi.Input[str]],
    credentials: Mapping[str, pulumi.Input[str]],
    restart_on: pulumi.Input[str],
    job_type: str,
    parent: pulumi.Resource,
    client_id: pulumi.Input[str] | None = None,
    pod_labels: Mapping[str, str] | None = None,
) -> apps.v1.Deployment:
    """Account, Secret and Deployment of one of the tenant's Airflow processes.

    `credentials` become files of one Secret; a change of `restart_on` restarts the pods. `pulumi up` does not wait for
    the pods: a tenant's broken repository must not fail the platform's update. The number of processes in a pod is
    bounded by the kubelet's `podPidsLimit`, which a pod cannot set.
    """
    child = pulumi.ResourceOptions(parent=parent)
    metadata = {"name": component, "namespace": namespace, "labels": labels(component, slug)}
    service_account(name, account=component, namespace=namespace, parent=parent, client_id=client_id)
    secret = f"{component}-credentials"
    core.v1.Secret(name, metadata={**metadata, "name": secret}, string_data=dict(credentials), opts=child)
    template = pod(
        labels={**labels(component, slug), **(pod_labels or {})},
        annotations={"ariel.dev/credentials": restart_on},
        account=component,
        containers=[
            container(
                component,
                image,
                command=[*INIT, *command],
                resources=resources,
                cpu_limit=cpu_limit(resources),
                env=environment,
                mounts=[
                    mount("credentials", _CREDENTIALS, read_only=True),
                    mount("bundles", _BUNDLES),
                    mount("scratch", "/tmp"),  # noqa: S108 - inside the container
                    mount("logs", "/opt/airflow/logs"),
                ],
                **liveness(job_type),
            )
        ],
        volumes=[
            secret_volume("credentials", secret),
            scratch_volume("bundles", "2Gi"),
            scratch_volume("scratch", "1Gi"),
            scratch_volume("logs", "1Gi"),
        ],
    )
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": {NAME_LABEL: component}},
        "template": template,
    }
    annotated = {**metadata, "annotations": {"pulumi.com/skipAwait": "true"}}
    return apps.v1.Deployment(name, metadata=annotated, spec=spec, opts=child)
