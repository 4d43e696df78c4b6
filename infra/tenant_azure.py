"""The Azure side of one tenant: its group, identities, vault, log container and grants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_azure_native as azure_native

from components.identity import WorkloadIdentity, WorkloadIdentityArgs
from components.log_container import LogContainer, LogContainerArgs
from components.namespace import PLATFORM
from components.pgbouncer import NAME as PGBOUNCER_ACCOUNT
from components.placement import Placement
from components.resource_group import ResourceGroup, ResourceGroupArgs
from components.role_assignment import assign_role
from components.triggerer import NAME as TRIGGERER_ACCOUNT
from components.vault import Access, Vault, VaultArgs
from infra.azure_platform import AzurePlatform
from infra.vault_access import vault_access
from infra.vaults import tenant_vault
from stacks import naming
from stacks.settings import Settings
from stacks.tenant import Grant, Tenant


@dataclass(frozen=True, kw_only=True)
class TenantAzure:
    """What the tenant's cluster side and the exports need."""

    tasks: Mapping[str, WorkloadIdentity]
    """Account of task pods (`task`, `task-<group>`) -> its identity."""
    triggerer: WorkloadIdentity | None
    database_processor: WorkloadIdentity
    database_triggerer: WorkloadIdentity | None
    vault: Vault
    log_container: LogContainer


def build_tenant_azure(
    slug: str, tenant: Tenant, settings: Settings, platform: AzurePlatform, azure: azure_native.Provider
) -> TenantAzure:
    """Builds it, all under logical names that begin with the slug."""
    opts = pulumi.ResourceOptions(providers=[azure])
    group = ResourceGroup(
        f"{slug}-group",
        ResourceGroupArgs(placement=platform.placement.tagged(tenant=slug, owner=tenant.owner), purpose=slug),
        opts,
    ).placement

    purposes = naming.tenant_identities(slug, tenant.identities)

    def identity(use: str, account: str) -> WorkloadIdentity:
        return WorkloadIdentity(
            purposes[use],
            WorkloadIdentityArgs(
                placement=group,
                purpose=purposes[use],
                issuer=platform.cluster.issuer_url,
                accounts={use: account},
            ),
            opts,
        )

    task_accounts = ["task", *(f"task-{name}" for name in tenant.identities)]
    tasks = {account: identity(account, f"{naming.task_namespace(slug)}:{account}") for account in task_accounts}
    has_triggerer = tenant.triggerer.enabled
    triggerer = identity("triggerer", f"{naming.parse_namespace(slug)}:{TRIGGERER_ACCOUNT}") if has_triggerer else None
    sidecar = f"{PLATFORM}:{PGBOUNCER_ACCOUNT}"
    database_processor = identity("db-processor", sidecar)
    database_triggerer = identity("db-triggerer", sidecar) if has_triggerer else None

    workers = {**tasks, **({"triggerer": triggerer} if triggerer else {})}
    principals = {key: worker.principal_id for key, worker in workers.items()}
    access = vault_access(tenant, settings, platform, principals)
    vault = _vault(slug, tenant, settings, platform, group, access, opts)
    log_container = LogContainer(
        f"{slug}-logs",
        LogContainerArgs(
            placement=platform.data,
            account_name=platform.log_storage.account_name,
            container=f"logs-{slug}",
            writers=principals,
        ),
        opts,
    )
    _grants(f"{slug}-task", tenant.grants, group, tasks["task"])
    for name, block in tenant.identities.items():
        _grants(f"{slug}-task-{name}", block.grants, group, tasks[f"task-{name}"])
    return TenantAzure(
        tasks=tasks,
        triggerer=triggerer,
        database_processor=database_processor,
        database_triggerer=database_triggerer,
        vault=vault,
        log_container=log_container,
    )


def _vault(
    slug: str,
    tenant: Tenant,
    settings: Settings,
    platform: AzurePlatform,
    group: Placement,
    access: Mapping[str, Access],
    opts: pulumi.ResourceOptions,
) -> Vault:
    """The tenant's own vault; or that of its trust group, on which it only gets its roles."""
    if tenant.secrets.trust_group is None:
        return Vault(
            tenant_vault(slug),
            VaultArgs(
                placement=platform.data.tagged(tenant=slug, owner=tenant.owner),
                endpoint_placement=group,
                purpose=slug,
                access=access,
                network=platform.vault_network,
                workspace_id=platform.workspace.id,
                purge_protection=settings.vault.purge_protection,
                soft_delete_days=settings.vault.soft_delete_days,
                keep_on_removal=settings.vault.keep_on_removal,
            ),
            opts,
        )
    shared = platform.shared_vaults[tenant.secrets.trust_group]
    for key, one in access.items():
        assign_role(
            f"{slug}-vault-{key}",
            placement=group,
            role=one.role,
            scope=shared.id,
            principal_id=one.principal_id,
            principal_type=one.principal_type,
            parent=shared,
        )
    return shared


def _grants(name: str, grants: tuple[Grant, ...], placement: Placement, identity: WorkloadIdentity) -> None:
    for grant in grants:
        assign_role(
            f"{name}-{naming.digest(grant.role, grant.scope)}",
            placement=placement,
            role=grant.role.value,
            scope=grant.scope,
            principal_id=identity.principal_id,
            parent=identity,
        )
