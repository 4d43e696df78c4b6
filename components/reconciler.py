"""The one process that makes the database agree with the tenant registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import apps

from components.network_policy import API_PORTS, POSTGRESQL_PORT, addresses, anywhere, egress, network_policy
from components.pod import (
    NAME_LABEL,
    STATE_FOLDER,
    WORKLOAD_IDENTITY_LABEL,
    Manifest,
    api_token_mount,
    api_token_volume,
    container,
    heartbeat_probe,
    labels,
    memory_volume,
    mount,
    pod,
    ready_probe,
    scratch_volume,
)
from components.registry_reader import registry_reader
from components.service_account import service_account
from stacks.model import Resources

NAME: Final = "tenant-reconciler"
_RESOURCES: Final = Resources(cpu="100m", memory="384Mi")
"""One Python process which holds Airflow's models."""


@dataclass(frozen=True, kw_only=True)
class ReconcilerArgs:
    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    client_id: pulumi.Input[str]
    """Of the identity that is an administrator of the server."""
    role: str
    """Its PostgreSQL role, which Azure names like the identity; it creates and drops the others."""
    owner_object_id: pulumi.Input[str]
    """Of the identity for which it creates `ariel_owner`."""
    runtime_object_id: pulumi.Input[str]
    """Of the identity for which it creates `ariel_runtime`."""
    database_host: pulumi.Input[str]
    database_name: str
    database_range: str
    """Addresses of the database server."""


class Reconciler(pulumi.ComponentResource):
    """Owns the Deployment with its account, the right to read the registry, and its network policy.

    It creates and drops database roles, Airflow teams, pools and bundle rows, and ends the sessions of a removed
    tenant. One replica, and never an old beside a new one. It is ready when the shared roles exist, for which the
    migration waits.
    Output: `deployment`, the Deployment's name.
    """

    def __init__(self, name: str, args: ReconcilerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Reconciler", name, None, opts)
        service_account(name, account=NAME, namespace=args.namespace, parent=self, client_id=args.client_id)
        binding = registry_reader(name, account=NAME, namespace=args.namespace, parent=self)
        policy = network_policy(
            name,
            policy=NAME,
            namespace=args.namespace,
            selector={NAME_LABEL: NAME},
            parent=self,
            egress=[egress([addresses(args.database_range)], POSTGRESQL_PORT), egress([anywhere()], *API_PORTS)],
        )
        deployment = apps.v1.Deployment(
            name,
            metadata={"name": NAME, "namespace": args.namespace, "labels": labels(NAME)},
            spec={
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": {NAME_LABEL: NAME}},
                "template": _template(args),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[binding, policy]),
        )
        self.deployment: pulumi.Output[str] = deployment.metadata["name"]
        self.register_outputs({"deployment": self.deployment})


def _template(args: ReconcilerArgs) -> Manifest:
    reconciler = container(
        "reconciler",
        args.image,
        command=["python", "-m", "ariel_runtime.reconciler"],
        resources=_RESOURCES,
        cpu_limit="1",
        env={
            "ARIEL_DATABASE_HOST": args.database_host,
            "ARIEL_DATABASE_NAME": args.database_name,
            "ARIEL_DATABASE_ROLE": args.role,
            "ARIEL_OWNER_OBJECT_ID": args.owner_object_id,
            "ARIEL_RUNTIME_OBJECT_ID": args.runtime_object_id,
            "ARIEL_REGISTRY_NAMESPACE": args.namespace,
            "AIRFLOW_CONFIG": "/dev/null",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__MULTI_TEAM": "True",
            "CONNECTION_CHECK_MAX_COUNT": "0",
        },
        mounts=[
            mount("state", STATE_FOLDER),
            mount("scratch", "/tmp"),  # noqa: S108 - inside the container
            mount("logs", "/opt/airflow/logs"),
            api_token_mount(),
        ],
        startupProbe={**ready_probe(), "periodSeconds": 5, "failureThreshold": 60},
        readinessProbe={**ready_probe(), "periodSeconds": 20},
        livenessProbe=heartbeat_probe(),
    )
    return pod(
        labels={**labels(NAME), WORKLOAD_IDENTITY_LABEL: "true"},
        account=NAME,
        containers=[reconciler],
        volumes=[
            memory_volume("state", "1Mi"),
            scratch_volume("scratch", "64Mi"),
            scratch_volume("logs", "64Mi"),
            api_token_volume(),
        ],
    )
