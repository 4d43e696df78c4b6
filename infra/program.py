"""The program that both entrances run: the plain `pulumi` command and `ariel` (an inline program)."""

from __future__ import annotations

import pulumi_azure_native as azure_native
import pulumi_kubernetes as kubernetes

from infra.azure_platform import build_azure_platform
from infra.cluster_platform import build_cluster_platform
from infra.config import current_settings
from infra.exports import export_platform, export_tenants
from infra.tenant_azure import build_tenant_azure
from infra.tenant_cluster import build_tenant_cluster
from stacks.naming import Kind


def program() -> None:
    """Builds one stack. Raises `SettingsError` before the first resource when the stack file is wrong."""
    settings = current_settings()
    azure = azure_native.Provider(
        "azure", subscription_id=settings.azure.subscription_id, tenant_id=settings.azure.tenant_id
    )
    azure_platform = build_azure_platform(settings, azure)
    cluster = kubernetes.Provider(
        "cluster",
        kubeconfig=azure_platform.cluster.kubeconfig,
        # Known before the cluster is: without it a new or unknown address would replace everything inside.
        cluster_identifier=azure_platform.placement.names.of(Kind.CLUSTER),
        enable_server_side_apply=True,
        # What somebody else has changed by hand is taken back; without it the API server calls that a conflict.
        enable_patch_force=True,
        # Changed data is an update; a ConfigMap or Secret that is deleted and made anew would stop its readers.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
    cluster_platform = build_cluster_platform(settings, azure_platform, cluster)
    export_platform(settings, azure_platform, cluster_platform)
    tenants = {}
    for slug, tenant in settings.tenants.items():
        own = build_tenant_azure(slug, tenant, settings, azure_platform, azure)
        tenants[slug] = (
            own,
            build_tenant_cluster(slug, tenant, settings, azure_platform, own, cluster_platform, cluster),
        )
    export_tenants(settings, tenants)
