"""A Kubernetes service account, with the identity in Azure which its pods take on."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes import core

from components.pod import CLIENT_ID_ANNOTATION


def service_account(
    name: str,
    *,
    account: str,
    namespace: pulumi.Input[str],
    parent: pulumi.Resource,
    client_id: pulumi.Input[str] | None = None,
) -> core.v1.ServiceAccount:
    """The account `account`, whose API token is mounted nowhere by itself.

    `client_id` is that of the managed identity which the account takes on where a pod names no other.
    """
    annotations = {CLIENT_ID_ANNOTATION: client_id} if client_id is not None else {}
    return core.v1.ServiceAccount(
        name,
        metadata={"name": account, "namespace": namespace, "annotations": annotations},
        automount_service_account_token=False,
        opts=pulumi.ResourceOptions(parent=parent),
    )
