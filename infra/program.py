"""The program that both entrances run: the plain `pulumi` command and `ariel` (an inline program)."""

from __future__ import annotations

import pulumi_azure_native as azure_native
import pulumi_kubernetes as kubernetes

from infra.azure_platform import build_azure_platform
from infra.cluster_platform import build_cluster_platform
from infra.config import current_settings


def program() -> None:
    """Builds one stack. Raises `SettingsError` before the first resource when the stack file is wrong."""
    settings = current_settings()
    azure = azure_native.Provider(
        "azure", subscription_id=settings.azure.subscription_id, tenant_id=settings.azure.tenant_id
    )
    azure_platform = build_azure_platform(settings, azure)
    cluster = kubernetes.Provider(
        "cluster", kubeconfig=azure_platform.cluster.kubeconfig, enable_server_side_apply=True
    )
    build_cluster_platform(settings, azure_platform, cluster)
