"""The cluster side of one tenant: namespaces, rights, registry entry, DAG processor, triggerer and git mirror."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.airflow_values import API_SERVER_ACCOUNT, SCHEDULER_ACCOUNT
from components.dag_processor import DagProcessor, DagProcessorArgs
from components.git_mirror import GitMirror, GitMirrorArgs
from components.login import Login
from components.tenant_access import TenantAccess, TenantAccessArgs
from components.tenant_namespaces import TenantNamespaces, TenantNamespacesArgs
from components.tenant_registry import DatabaseLogin, TenantRegistry, TenantRegistryArgs
from components.triggerer import Triggerer, TriggererArgs
from infra.azure_platform import AzurePlatform
from infra.cluster_platform import ClusterPlatform
from infra.tenant_azure import TenantAzure
from stacks.naming import processor_role, triggerer_role
from stacks.settings import Settings
from stacks.tenant import SecretsMode, Tenant


@dataclass(frozen=True, kw_only=True)
class TenantCluster:
    """What the exports need."""

    tasks: pulumi.Output[str]
    parse: pulumi.Output[str]


def build_tenant_cluster(
    slug: str,
    tenant: Tenant,
    settings: Settings,
    azure: AzurePlatform,
    own: TenantAzure,
    platform: ClusterPlatform,
    cluster: kubernetes.Provider,
) -> TenantCluster:
    """Builds it, all under logical names that begin with the slug; `own` is the tenant's Azure side."""
    opts = pulumi.ResourceOptions(providers=[cluster])
    after_schema = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[platform.migration]))
    task_client_ids = {account: identity.client_id for account, identity in own.tasks.items()}
    group_client_ids = {name: task_client_ids[f"task-{name}"] for name in tenant.identities}
    shared_vault = tenant.secrets.mode is SecretsMode.SHARED
    namespaces = TenantNamespaces(
        f"{slug}-namespaces",
        TenantNamespacesArgs(
            slug=slug,
            kubernetes_version=settings.kubernetes.version,
            quota=tenant.quota,
            processor=tenant.processor,
            triggerer=tenant.triggerer,
            client_id=task_client_ids["task"],
            group_client_ids=group_client_ids,
            destinations=tenant.egress,
            endpoints_range=settings.network.endpoints,
            registry=azure.registry.login_server,
            allowed_images=tenant.allowed_images,
        ),
        opts,
    )
    TenantAccess(
        f"{slug}-access",
        TenantAccessArgs(
            namespace=namespaces.tasks, scheduler_account=SCHEDULER_ACCOUNT, api_server_account=API_SERVER_ACCOUNT
        ),
        opts,
    )
    GitMirror(
        f"{slug}-mirror",
        GitMirrorArgs(slug=slug, namespace=namespaces.parse, image=platform.image, repository=tenant.repository),
        opts,
    )
    processor_login = Login(f"{slug}-login-processor")
    DagProcessor(
        f"{slug}-processor",
        DagProcessorArgs(
            slug=slug,
            namespace=namespaces.parse,
            image=platform.image,
            repository=tenant.repository,
            stack=settings.stack,
            processor=tenant.processor,
            password=processor_login.password,
        ),
        after_schema,
    )
    logins = {
        processor_role(slug): DatabaseLogin(
            client_id=own.database_processor.client_id,
            object_id=own.database_processor.principal_id,
            pool_size=tenant.pools.processor,
            password=processor_login.password,
            salt=processor_login.salt,
        )
    }
    if own.triggerer is not None and own.database_triggerer is not None:
        triggerer_login = Login(f"{slug}-login-triggerer")
        Triggerer(
            f"{slug}-triggerer",
            TriggererArgs(
                slug=slug,
                namespace=namespaces.parse,
                image=platform.image,
                repository=tenant.repository,
                stack=settings.stack,
                triggerer=tenant.triggerer,
                destinations=tenant.egress,
                endpoints_range=settings.network.endpoints,
                client_id=own.triggerer.client_id,
                password=triggerer_login.password,
                fernet_key=platform.fernet_key,
                vault_url=own.vault.uri,
                shared_vault=shared_vault,
                log_account_url=azure.log_storage.blob_endpoint,
                log_container=own.log_container.name,
                applications=tenant.applications,
                directory=settings.azure.tenant_id,
            ),
            after_schema,
        )
        logins[triggerer_role(slug)] = DatabaseLogin(
            client_id=own.database_triggerer.client_id,
            object_id=own.database_triggerer.principal_id,
            pool_size=tenant.pools.triggerer,
            password=triggerer_login.password,
            salt=triggerer_login.salt,
        )
    TenantRegistry(
        f"{slug}-registry",
        TenantRegistryArgs(
            slug=slug,
            namespace=platform.namespace,
            group_id=tenant.group_id,
            repository=tenant.repository,
            client_id=task_client_ids["task"],
            group_client_ids=group_client_ids,
            logins=logins,
            registry=azure.registry.login_server,
            allowed_images=tenant.allowed_images,
            slots=tenant.quota.pods,
            vault_url=own.vault.uri,
            shared_vault=shared_vault,
            log_container=own.log_container.name,
            applications=tenant.applications,
            directory=settings.azure.tenant_id,
            alerts=tenant.alerts,
        ),
        opts,
    )
    return TenantCluster(tasks=namespaces.tasks, parse=namespaces.parse)
