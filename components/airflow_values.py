"""The values of Airflow's Helm chart 1.22, as one pure function of plain data.

Off here, because ariel builds them itself or has no use for them: the chart's PostgreSQL, PgBouncer, Redis, Flower,
DAG processor, triggerer, migration job, user job, roles and random secrets. On: statsd, not OpenTelemetry, since the
chart's collector writes to its own log only, until it is given a configuration, while statsd is scraped as it is.
No tenant stands in these values, so adding or removing one leaves the release untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.airflow_settings import (
    CREDENTIALS_PATH,
    HEALTH_PORT,
    LOG_CONNECTION_VARIABLE,
    SignIn,
    airflow_config,
    log_connection,
    shared_env,
    task_env,
)
from components.airflow_task_pod import (
    AIRFLOW_HOME,
    CONTAINER_SECURITY,
    POD_SECURITY,
    task_pod_template,
)
from components.network_policy import API_SERVER_PORT, in_namespace, in_tenant_namespaces
from components.pod import CLIENT_ID_ANNOTATION, WORKLOAD_IDENTITY_LABEL
from stacks.model import Resources
from stacks.quantity import millicores
from stacks.settings import Component

RELEASE: Final = "airflow"
"""Release name; the chart derives the names of Deployments and Services from it."""
SCHEDULER_ACCOUNT: Final = "airflow-scheduler"
API_SERVER_ACCOUNT: Final = "airflow-api-server"
STATSD_ACCOUNT: Final = "airflow-statsd"
KEYS_SECRET: Final = "ariel-keys"  # noqa: S105  a name, not a secret
METADATA_SECRET: Final = "ariel-metadata"  # noqa: S105  a name, not a secret
ADMIN_SECRET: Final = "ariel-admin"  # noqa: S105  a name, not a secret
"""The administrator's password; only with `simple` sign-in, and only the API server mounts it."""
CREDENTIALS_VOLUME: Final = "ariel-credentials"
PASSWORDS_FILE: Final = "simple-passwords.json"
_PASSWORDS_PATH: Final = "/etc/ariel/passwords"
CONFIG_VERSION: Final = "ariel.dev/config-version"
TLS_SECRET: Final = f"keyvault-{RELEASE}-ingress"
"""The name under which AKS' routing add-on keeps a vault's certificate: `keyvault-` and the Ingress' name."""
CERTIFICATE_ANNOTATION: Final = "kubernetes.azure.com/tls-cert-keyvault-uri"

READ_BY_GROUP: Final = 0o440
"""Mode of the mounted credentials: the process runs in group 0, which `fsGroup` makes their owner."""
MONITORING_NAMESPACE: Final = "kube-system"
"""Where the agent of Azure managed Prometheus runs."""
BURST_MILLICORES: Final = 2000
"""Least CPU limit of an Airflow container: start-up imports cost seconds of CPU, whatever the steady share is."""


@dataclass(frozen=True, kw_only=True)
class ReleaseValues:
    """Everything that the values depend on, resolved. The fields are described in `components.airflow.AirflowArgs`."""

    environment: str
    namespace: str
    airflow_version: str
    image: str
    statsd_image: str
    sign_in: SignIn
    host: str
    ingress_class: str
    ingress_namespace: str
    certificate_uri: str
    scheduler: Component
    api_server: Component
    api_server_client_id: str
    log_account_url: str
    log_container: str
    task_node_selector: Mapping[str, str]
    task_tolerations: Sequence[Mapping[str, str]]
    config_version: str


def container_resources(share: Resources) -> dict[str, dict[str, str]]:
    """Requests and limits of a container; the limit of memory equals its request."""
    limit = max(millicores(share.cpu), BURST_MILLICORES)
    return {
        "requests": {"cpu": share.cpu, "memory": share.memory},
        "limits": {"cpu": f"{limit}m", "memory": share.memory},
    }


def execution_url(namespace: str) -> str:
    """The Execution API by its full name: the chart's short one does not resolve in a tenant's namespace."""
    return f"http://{RELEASE}-api-server.{namespace}.svc.cluster.local:{API_SERVER_PORT}/execution/"


def airflow_values(release: ReleaseValues) -> dict[str, Any]:
    """The chart's values. Equal arguments give equal values, and those an equal render."""
    return {
        "airflowVersion": release.airflow_version,
        "airflowHome": AIRFLOW_HOME,
        "executor": "KubernetesExecutor",
        "enableServiceLinks": False,
        "imagePullSecrets": [],
        "airflowPodAnnotations": {CONFIG_VERSION: release.config_version},
        "securityContexts": {"pod": dict(POD_SECURITY), "containers": dict(CONTAINER_SECURITY)},
        **_images(release),
        **_credentials(),
        **_switched_off(),
        # The chart's default mounts an empty file over a module of this name in the image.
        "airflowLocalSettings": "",
        "env": shared_env(),
        "config": airflow_config(
            environment=release.environment,
            namespace=release.namespace,
            host=release.host,
            execution_url=execution_url(release.namespace),
            sign_in=release.sign_in,
            log_container=release.log_container,
            statsd_host=f"{RELEASE}-statsd",
        ),
        "podTemplate": task_pod_template(
            image=release.image,
            env=task_env(
                host=release.host,
                execution_url=execution_url(release.namespace),
                log_account_url=release.log_account_url,
                environment=release.environment,
            ),
            node_selector=release.task_node_selector,
            tolerations=release.task_tolerations,
        ),
        "logs": {"emptyDirConfig": {"sizeLimit": "1Gi"}},
        "networkPolicies": {"enabled": True},
        "scheduler": _scheduler(release.scheduler),
        "apiServer": _api_server(release),
        "statsd": _statsd(),
        "ingress": {"apiServer": _ingress(release)},
    }


def _images(release: ReleaseValues) -> dict[str, Any]:
    """`repository:tag` or `repository@sha256:...`; the default image counts for every component of the chart."""
    statsd_repository, _, statsd_tag = release.statsd_image.rpartition(":")
    repository, at, digest = release.image.partition("@")
    if not at:
        repository, _, tag = release.image.rpartition(":")
    return {
        "defaultAirflowRepository": repository,
        **({"defaultAirflowDigest": digest} if at else {"defaultAirflowTag": tag}),
        "images": {
            # How long a pod waits for the migration job before it restarts, in seconds.
            "migrationsWaitTimeout": 300,
            "statsd": {"repository": statsd_repository, "tag": statsd_tag},
        },
    }


def _credentials() -> dict[str, Any]:
    """One read-only volume with all of them; the chart's own variables off, since they would win over the commands.

    The Secret names are given although nothing in the chart reads them then: it would make random ones otherwise,
    and each render would differ from the last.
    """
    return {
        "fernetKeySecretName": KEYS_SECRET,
        "jwtSecretName": KEYS_SECRET,
        "apiSecretKeySecretName": KEYS_SECRET,
        "data": {"metadataSecretName": METADATA_SECRET, "brokerUrlSecretName": "unused"},
        "enableBuiltInSecretEnvVars": {
            "AIRFLOW__CORE__FERNET_KEY": False,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": False,
            "AIRFLOW_CONN_AIRFLOW_DB": False,
            "AIRFLOW__API__SECRET_KEY": False,
            "AIRFLOW__API_AUTH__JWT_SECRET": False,
        },
        "volumes": [
            {
                "name": CREDENTIALS_VOLUME,
                "projected": {
                    "defaultMode": READ_BY_GROUP,
                    "sources": [{"secret": {"name": KEYS_SECRET}}, {"secret": {"name": METADATA_SECRET}}],
                },
            }
        ],
        "volumeMounts": [{"name": CREDENTIALS_VOLUME, "mountPath": CREDENTIALS_PATH, "readOnly": True}],
    }


def _switched_off() -> dict[str, Any]:
    return {
        "postgresql": {"enabled": False},
        "pgbouncer": {"enabled": False},
        "redis": {"enabled": False},
        "flower": {"enabled": False},
        "dagProcessor": {"enabled": False},
        "triggerer": {"enabled": False},
        # A disabled job still gets its account unless that is switched off as well.
        "migrateDatabaseJob": {"enabled": False, "serviceAccount": {"create": False}},
        "createUserJob": {"enabled": False, "serviceAccount": {"create": False}},
        "workers": {"kubernetes": {"serviceAccount": {"create": False}}},
        "rbac": {"create": False},
        # Off as it is; the value only silences a deprecation warning.
        "dags": {"gitSync": {"recommendedProbeSetting": True}},
    }


def _placement(component: str, settings: Component) -> dict[str, Any]:
    """Replicas, their spread over zones, and a budget where there is more than one to keep."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"component": component, "release": RELEASE}},
    }
    return {
        "replicas": settings.replicas,
        "resources": container_resources(settings.resources),
        "podDisruptionBudget": {"enabled": settings.replicas > 1, "config": {"maxUnavailable": 1}},
        "topologySpreadConstraints": [spread] if settings.replicas > 1 else [],
    }


def _scheduler(settings: Component) -> dict[str, Any]:
    """The probe asks the scheduler's own health server: the chart's `airflow jobs check` costs seconds of CPU."""
    ask = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{HEALTH_PORT}/health', timeout=10)"
    command = ["python3", "-c", ask]
    return {
        **_placement("scheduler", settings),
        "args": ["bash", "-c", "exec airflow scheduler"],
        "serviceAccount": {"create": True, "name": SCHEDULER_ACCOUNT},
        "safeToEvict": True,
        "terminationGracePeriodSeconds": 60,
        "logGroomerSidecar": {"enabled": False},
        "startupProbe": {
            "initialDelaySeconds": 0,
            "periodSeconds": 10,
            "timeoutSeconds": 20,
            "failureThreshold": 30,
            "command": command,
        },
        "livenessProbe": {
            "initialDelaySeconds": 10,
            "periodSeconds": 30,
            "timeoutSeconds": 20,
            "failureThreshold": 10,
            "command": command,
        },
    }


def _api_server(release: ReleaseValues) -> dict[str, Any]:
    """TLS ends at the ingress, so forwarded headers count; only it and the task pods may connect."""
    serve = "exec airflow api-server --proxy-headers"
    if release.sign_in == "simple":
        # The manager opens the file for writing, and every replica must know the same password.
        passwords = f"{AIRFLOW_HOME}/simple_auth_manager_passwords.json.generated"
        serve = f"install -m 0600 {_PASSWORDS_PATH}/{PASSWORDS_FILE} {passwords} && {serve}"
    probe = {"initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 5, "scheme": "HTTP"}
    # From any sender, since the ingress controller's pods have no fixed addresses. Beside them only task pods may
    # connect (the network policy below). What one of them forges changes the redirects which it gets itself and the
    # address in the access log; no right goes by an address.
    variables = {
        "FORWARDED_ALLOW_IPS": "*",
        LOG_CONNECTION_VARIABLE: log_connection(release.log_account_url),
        # Each task's log lies in its tenant's own container.
        "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS": "ariel_runtime.logs.LOGGING_CONFIG",
    }
    return {
        **_placement("api-server", release.api_server),
        "args": ["bash", "-c", serve],
        "labels": {WORKLOAD_IDENTITY_LABEL: "true"},
        "serviceAccount": {
            "create": True,
            "name": API_SERVER_ACCOUNT,
            # It reads the logs of running tasks from their pods.
            "automountServiceAccountToken": True,
            "annotations": {CLIENT_ID_ANNOTATION: release.api_server_client_id},
        },
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        **_passwords(release.sign_in),
        "startupProbe": {**probe, "failureThreshold": 30},
        # The question reaches the database: one that fails over must restart nothing, but a hung process must end.
        "livenessProbe": {**probe, "failureThreshold": 30},
        "readinessProbe": {**probe, "failureThreshold": 3},
        "networkPolicy": {
            "ingress": {
                "from": [
                    in_namespace(release.ingress_namespace),
                    in_tenant_namespaces("tasks"),
                ],
                "ports": [{"port": API_SERVER_PORT}],
            }
        },
    }


def _passwords(sign_in: SignIn) -> dict[str, Any]:
    """The volume of the administrator's password."""
    if sign_in != "simple":
        return {"extraVolumes": [], "extraVolumeMounts": []}
    name = "ariel-passwords"
    return {
        "extraVolumes": [{"name": name, "secret": {"secretName": ADMIN_SECRET, "defaultMode": READ_BY_GROUP}}],
        "extraVolumeMounts": [{"name": name, "mountPath": _PASSWORDS_PATH, "readOnly": True}],
    }


def _statsd() -> dict[str, Any]:
    """Durations that alarms add up over replicas become histograms; summaries cannot be added."""
    buckets = [0.5, 1, 2, 5, 10, 30, 60, 300]
    durations = ("dagrun.schedule_delay", "task.queued_duration", "task.scheduled_duration")
    return {
        "enabled": True,
        "serviceAccount": {"create": True, "name": STATSD_ACCOUNT, "automountServiceAccountToken": False},
        "securityContexts": {
            "pod": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "container": {**CONTAINER_SECURITY, "readOnlyRootFilesystem": True},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}},
        # Any annotation makes the chart add a digest of the mappings, without which new ones start no new pod.
        "podAnnotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
        "cache": {"size": 1000, "type": "lru", "ttl": "1h"},
        "overrideMappings": [
            {
                "match": f"airflow.{name}",
                "name": f"airflow_{name.replace('.', '_')}_seconds",
                "observer_type": "histogram",
                "histogram_options": {"buckets": buckets},
            }
            for name in durations
        ],
        "extraNetworkPolicies": [in_namespace(MONITORING_NAMESPACE)],
    }


def _ingress(release: ReleaseValues) -> dict[str, Any]:
    return {
        "enabled": True,
        "annotations": {CERTIFICATE_ANNOTATION: release.certificate_uri},
        "ingressClassName": release.ingress_class,
        "path": "/",
        "pathType": "Prefix",
        "hosts": [{"name": release.host, "tls": {"enabled": True, "secretName": TLS_SECRET}}],
    }
