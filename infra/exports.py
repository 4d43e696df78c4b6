"""What pipelines, runbooks and `ariel` read of a stack, typed. None of it is secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import pulumi

from infra.azure_platform import AzurePlatform
from infra.cluster_platform import ClusterPlatform
from infra.tenant_azure import TenantAzure
from infra.tenant_cluster import TenantCluster
from stacks import capacity
from stacks.settings import Settings
from stacks.tenant import Tenant


class PlatformExport(TypedDict):
    """Under `platform`."""

    airflowUrl: pulumi.Input[str]
    clusterId: pulumi.Input[str]
    clusterName: pulumi.Input[str]
    databaseHost: pulumi.Input[str]
    databaseConnections: str
    """The arithmetic of the pools, in words."""
    egressAddress: pulumi.Input[str]
    issuerUrl: pulumi.Input[str]
    logAccount: pulumi.Input[str]
    pgbouncer: pulumi.Input[str]
    registry: pulumi.Input[str]
    resourceGroup: pulumi.Input[str]
    vault: pulumi.Input[str]
    workspaceId: pulumi.Input[str]


class TenantExport(TypedDict):
    """Under `tenants`, by slug."""

    groupId: str
    """Entra group whose members are the team."""
    identities: Mapping[str, pulumi.Input[str]]
    """Account -> client id of the identity behind it."""
    logContainer: pulumi.Input[str]
    parseNamespace: pulumi.Input[str]
    repository: str
    """URL of the DAG repository."""
    taskNamespace: pulumi.Input[str]
    vault: pulumi.Input[str]
    vaultUri: pulumi.Input[str]


def export_platform(settings: Settings, azure: AzurePlatform, cluster: ClusterPlatform) -> None:
    pulumi.export(
        "platform",
        PlatformExport(
            airflowUrl=cluster.airflow.url,
            clusterId=azure.cluster.id,
            clusterName=azure.cluster.name,
            databaseHost=azure.database.host,
            databaseConnections=capacity.pool_arithmetic(settings).text,
            egressAddress=azure.network.egress_address,
            issuerUrl=azure.cluster.issuer_url,
            logAccount=azure.log_storage.account_name,
            pgbouncer=pulumi.Output.format("{0}:{1}", cluster.pgbouncer.host, cluster.pgbouncer.port),
            registry=azure.registry.login_server,
            resourceGroup=azure.platform.resource_group,
            vault=azure.vault.name,
            workspaceId=azure.workspace.id,
        ),
    )


def export_tenants(settings: Settings, tenants: Mapping[str, tuple[TenantAzure, TenantCluster]]) -> None:
    """`tenants` holds what was built of each of the settings' tenants, by slug."""
    exports = {slug: _tenant(settings.tenants[slug], azure, cluster) for slug, (azure, cluster) in tenants.items()}
    pulumi.export("tenants", exports)


def _tenant(tenant: Tenant, azure: TenantAzure, cluster: TenantCluster) -> TenantExport:
    identities = dict(azure.tasks)
    if azure.triggerer is not None:
        identities["triggerer"] = azure.triggerer
    return TenantExport(
        groupId=tenant.group_id,
        identities={account: identity.client_id for account, identity in identities.items()},
        logContainer=azure.log_container.name,
        parseNamespace=cluster.parse,
        repository=tenant.repository.url,
        taskNamespace=cluster.tasks,
        vault=azure.vault.name,
        vaultUri=azure.vault.uri,
    )
