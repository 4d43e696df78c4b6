"""What the shared Airflow components may do in the cluster outside the tenants' namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import rbac

from components.registry_reader import registry_reader

ROLE: Final = "ariel-pod-reader"


@dataclass(frozen=True, kw_only=True)
class PlatformAccessArgs:
    namespace: pulumi.Input[str]
    scheduler_account: str
    api_server_account: str


class PlatformAccess(pulumi.ComponentResource):
    """Owns the scheduler's right to see the pods of all namespaces, and both components' right to read the registry.

    With one watch over the whole cluster a new tenant restarts nothing, and a tenant without a RoleBinding fails alone
    instead of ending the scheduler's next start. What the scheduler may change stands with each tenant
    (`tenant_access`). The scheduler learns from the registry where a tenant's pods go, the API server which Entra group
    is which team.
    Output: `cluster_role`, its name.
    """

    def __init__(self, name: str, args: PlatformAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:PlatformAccess", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = rbac.v1.ClusterRole(
            name,
            metadata={"name": ROLE},
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
            opts=child,
        )
        self.cluster_role: pulumi.Output[str] = role.metadata["name"]
        rbac.v1.ClusterRoleBinding(
            name,
            metadata={"name": ROLE},
            role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": self.cluster_role},
            subjects=[{"kind": "ServiceAccount", "name": args.scheduler_account, "namespace": args.namespace}],
            opts=child,
        )
        for key, account in {"scheduler": args.scheduler_account, "api-server": args.api_server_account}.items():
            registry_reader(f"{name}-{key}", account=account, namespace=args.namespace, parent=self)
        self.register_outputs({"cluster_role": self.cluster_role})
