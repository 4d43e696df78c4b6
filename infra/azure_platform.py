"""The Azure side of the platform, in the order in which its parts need each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_azure_native as azure_native

from components.airflow_values import API_SERVER_ACCOUNT
from components.cluster import Cluster, ClusterArgs
from components.container_logs import ContainerLogs, ContainerLogsArgs
from components.database import Administrator, Database, DatabaseArgs
from components.dns_forwarding import DnsForwarding, DnsForwardingArgs
from components.identity import WorkloadIdentity, WorkloadIdentityArgs
from components.log_storage import LogStorage, LogStorageArgs
from components.migration import ACCOUNT as MIGRATION_ACCOUNT
from components.namespace import PLATFORM
from components.network import Network, NetworkArgs
from components.pgbouncer import NAME as PGBOUNCER_ACCOUNT
from components.placement import Placement
from components.private_endpoint import EndpointNetwork
from components.private_zone import PrivateZone, PrivateZoneArgs
from components.reconciler import NAME as RECONCILER_ACCOUNT
from components.registry import Registry, RegistryArgs
from components.resource_group import ResourceGroup, ResourceGroupArgs
from components.role_assignment import assign_role
from components.vault import Access, Vault, VaultArgs
from components.workspace import Workspace, WorkspaceArgs
from infra.vaults import PLATFORM_VAULT
from stacks import addressing, capacity
from stacks.naming import Kind, Names, trust_vault
from stacks.settings import EnvironmentClass, Settings

DNS_HOST = 10
"""Which address of the services' range is the cluster's DNS: AKS's own default, `.10`."""


@dataclass(frozen=True, kw_only=True)
class AzurePlatform:
    """What the cluster side and the tenants need of the Azure side."""

    placement: Placement
    """Without a resource group."""
    platform: Placement
    """The group of cluster, registry, workspace and the platform's identities."""
    data: Placement
    """The group of what must outlive a tenant: database, log storage, vaults."""
    workspace: Workspace
    network: Network
    vault_network: EndpointNetwork
    log_storage: LogStorage
    registry: Registry
    vault: Vault
    shared_vaults: Mapping[str, Vault]
    """Trust group -> the vault that its tenants share."""
    database: Database
    cluster: Cluster
    admin: WorkloadIdentity
    """An administrator of the server: makes the other database roles; taken on by the tenant reconciler."""
    owner: WorkloadIdentity
    """`ariel_owner`: owns the schema; taken on by the migration job."""
    runtime: WorkloadIdentity
    """`ariel_runtime`: taken on by PgBouncer for schedulers and API servers."""
    api_server: WorkloadIdentity
    """Reads task logs for the web UI, lists the names of tenants' secrets and sets them."""


def build_azure_platform(settings: Settings, azure: azure_native.Provider) -> AzurePlatform:
    """Builds it; `azure` is the provider bound to the stack's subscription."""
    opts = pulumi.ResourceOptions(providers=[azure])
    higher = settings.class_ is EnvironmentClass.HIGHER
    anywhere = _placement(settings)
    platform = ResourceGroup("platform", ResourceGroupArgs(placement=anywhere, purpose="platform"), opts).placement
    networking = ResourceGroup("networking", ResourceGroupArgs(placement=anywhere, purpose="network"), opts).placement
    data = ResourceGroup(
        "data", ResourceGroupArgs(placement=anywhere, purpose="data", protect=settings.protect), opts
    ).placement

    workspace = Workspace(
        "workspace", WorkspaceArgs(placement=platform, retention_days=settings.logs.workspace_days), opts
    )
    network = Network(
        "network",
        NetworkArgs(
            placement=networking,
            plan=settings.network,
            web_clients=_web_clients(settings),
            workspace_id=workspace.id,
        ),
        opts,
    )
    if settings.network.dns_forwarding:
        DnsForwarding(
            "dns-forwarding",
            DnsForwardingArgs(
                placement=networking,
                virtual_network_id=network.id,
                subnet_id=network.subnets["resolver"],
                zones=settings.network.dns_forwarding,
            ),
            opts,
        )
    zones = _zones(settings, networking, network, opts)
    log_storage = LogStorage(
        "task-logs",
        LogStorageArgs(
            placement=data,
            network=_endpoints(network, zones["blob"]),
            workspace_id=workspace.id,
            retention_days=settings.logs.task_days,
            soft_delete_days=settings.vault.soft_delete_days,
            zone_redundant=higher,
            protect=settings.protect,
        ),
        opts,
    )
    registry = Registry(
        "registry",
        RegistryArgs(
            placement=platform,
            private=settings.registry.private,
            network=_endpoints(network, zones["registry"]),
            workspace_id=workspace.id,
        ),
        opts,
    )
    vault_network = _endpoints(network, zones["vault"])
    # The vault holds the certificate of the web interface, and no secret beside it.
    engineers = Access(
        role="Key Vault Certificates Officer", principal_id=settings.azure.admin_group_id, principal_type="Group"
    )
    vault = Vault(
        PLATFORM_VAULT, _vault(settings, data, "platform", {"engineers": engineers}, vault_network, workspace), opts
    )
    cluster = Cluster(
        "cluster",
        ClusterArgs(
            placement=platform,
            settings=settings.kubernetes,
            higher=higher,
            subnet_id=network.subnets["nodes"],
            network_id=network.id,
            api_zone_id=zones["cluster"].linked if settings.kubernetes.private else None,
            registry_id=registry.id,
            platform_vault_id=vault.id,
            workspace_id=workspace.id,
            admin_group_id=settings.azure.admin_group_id,
            pod_range=settings.network.pods,
            service_range=settings.network.services,
            dns_service_ip=str(addressing.plan_of(settings.network).overlays["services"][DNS_HOST]),
            protect=settings.protect,
        ),
        opts,
    )
    ContainerLogs(
        "container-logs",
        ContainerLogsArgs(placement=platform, cluster_id=cluster.id, workspace_id=workspace.id),
        opts,
    )
    identities = {
        purpose: WorkloadIdentity(
            f"identity-{purpose}",
            WorkloadIdentityArgs(
                placement=platform,
                purpose=purpose,
                issuer=cluster.issuer_url,
                accounts={account: f"{PLATFORM}:{account}"},
            ),
            opts,
        )
        for purpose, account in (
            ("admin", RECONCILER_ACCOUNT),
            ("owner", MIGRATION_ACCOUNT),
            ("runtime", PGBOUNCER_ACCOUNT),
            ("api-server", API_SERVER_ACCOUNT),
        )
    }
    assign_role(
        "task-logs-api-server",
        placement=data,
        role="Storage Blob Data Reader",
        scope=log_storage.id,
        principal_id=identities["api-server"].principal_id,
        parent=log_storage,
    )
    database = Database(
        "database",
        DatabaseArgs(
            placement=data,
            subnet_id=network.subnets["database"],
            zone_id=zones["database"].linked,
            workspace_id=workspace.id,
            version=settings.database.version,
            sku=settings.database.sku,
            tier=capacity.SERVER_SKUS[settings.database.sku].tier,
            storage_gb=settings.database.storage_gb,
            high_availability=settings.database.high_availability,
            backup_days=settings.database.backup_days,
            geo_backup=settings.database.geo_backup,
            administrators={
                "engineers": Administrator(
                    object_id=settings.azure.admin_group_id, name=settings.azure.admin_group_name, type="Group"
                ),
                "admin": Administrator(
                    object_id=identities["admin"].principal_id,
                    name=anywhere.names.of(Kind.IDENTITY, "admin"),
                    type="ServicePrincipal",
                ),
            },
            protect=settings.protect,
        ),
        opts,
    )
    return AzurePlatform(
        placement=anywhere,
        platform=platform,
        data=data,
        workspace=workspace,
        network=network,
        vault_network=vault_network,
        log_storage=log_storage,
        registry=registry,
        vault=vault,
        shared_vaults={
            group: Vault(
                trust_vault(group), _vault(settings, data, trust_vault(group), {}, vault_network, workspace), opts
            )
            for group in settings.trust_groups
        },
        database=database,
        cluster=cluster,
        admin=identities["admin"],
        owner=identities["owner"],
        runtime=identities["runtime"],
        api_server=identities["api-server"],
    )


def _placement(settings: Settings) -> Placement:
    return Placement(
        names=Names(organisation=settings.organisation, stack=settings.stack),
        subscription_id=settings.azure.subscription_id,
        tenant_id=settings.azure.tenant_id,
        location=settings.azure.location,
        resource_group="",
        tags={
            "managed-by": "ariel",
            "environment": settings.stack,
            "class": settings.class_.value,
            "contact": settings.contact,
            **settings.tags,
        },
    )


def _web_clients(settings: Settings) -> tuple[str, ...]:
    """Who reaches the web interface from outside the network: as with the API server, the hub where it is private."""
    if settings.kubernetes.private:
        return settings.network.hub.address_space if settings.network.hub else ()
    return settings.kubernetes.authorized_ranges


def _vault(
    settings: Settings,
    placement: Placement,
    purpose: str,
    access: Mapping[str, Access],
    network: EndpointNetwork,
    workspace: Workspace,
) -> VaultArgs:
    """A vault that belongs to the platform, not to a tenant."""
    return VaultArgs(
        placement=placement,
        endpoint_placement=placement,
        purpose=purpose,
        access=access,
        network=network,
        workspace_id=workspace.id,
        purge_protection=settings.vault.purge_protection,
        soft_delete_days=settings.vault.soft_delete_days,
        protect=settings.protect,
    )


def _zones(
    settings: Settings, placement: Placement, network: Network, opts: pulumi.ResourceOptions
) -> dict[str, PrivateZone]:
    """Purpose -> zone. The names are Azure's own for private endpoints; only the database's is ours."""
    server = placement.names.of(Kind.DATABASE_SERVER)
    wanted = {
        "vault": "privatelink.vaultcore.azure.net",
        "blob": "privatelink.blob.core.windows.net",
        "registry": "privatelink.azurecr.io",
        "database": f"{server}.private.postgres.database.azure.com",
    }
    if settings.kubernetes.private:
        wanted["cluster"] = f"privatelink.{settings.azure.location}.azmk8s.io"
    return {
        purpose: PrivateZone(
            f"zone-{purpose}", PrivateZoneArgs(placement=placement, zone=zone, virtual_network_id=network.id), opts
        )
        for purpose, zone in wanted.items()
    }


def _endpoints(network: Network, zone: PrivateZone) -> EndpointNetwork:
    return EndpointNetwork(subnet_id=network.subnets["endpoints"], zone_id=zone.linked)
