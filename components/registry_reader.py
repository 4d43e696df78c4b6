"""The right to read the tenant registry."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes import rbac

REGISTRY_RULE = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
"""All ConfigMaps of the platform's namespace: a Role can name objects but not select them by label, and naming them
would put the list of tenants into a shared resource."""


def registry_reader(
    name: str, *, account: str, namespace: pulumi.Input[str], parent: pulumi.Resource
) -> rbac.v1.RoleBinding:
    """Lets the service account `account` of the platform's namespace follow the tenants' ConfigMaps there."""
    opts = pulumi.ResourceOptions(parent=parent)
    role_name = f"{account}-registry"
    metadata = {"name": role_name, "namespace": namespace}
    role = rbac.v1.Role(f"{name}-registry", metadata=metadata, rules=[REGISTRY_RULE], opts=opts)
    return rbac.v1.RoleBinding(
        f"{name}-registry",
        metadata=metadata,
        role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role.metadata["name"]},
        subjects=[{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        opts=opts,
    )
