"""What the shared Airflow components may do in the namespace of a tenant's task pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import rbac

from components.namespace import PLATFORM

_LAUNCH: Final = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "patch", "delete"]}]
"""Seeing pods is the scheduler's cluster-wide right."""
_READ_LOGS: Final = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]


@dataclass(frozen=True, kw_only=True)
class TenantAccessArgs:
    namespace: pulumi.Input[str]
    """`tasks-<slug>`."""
    scheduler_account: str
    api_server_account: str


class TenantAccess(pulumi.ComponentResource):
    """Owns two Roles with their bindings: the scheduler starts and ends task pods, the API server reads their logs.

    Nobody of the tenant is bound to anything: a task's pod specification holds the token of that task.
    Output: `launcher`, the name of the scheduler's Role.
    """

    def __init__(self, name: str, args: TenantAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:TenantAccess", name, None, opts)
        self.launcher = self._grant(f"{name}-launcher", args.namespace, "launcher", _LAUNCH, args.scheduler_account)
        self._grant(f"{name}-log-reader", args.namespace, "log-reader", _READ_LOGS, args.api_server_account)
        self.register_outputs({"launcher": self.launcher})

    def _grant(
        self, name: str, namespace: pulumi.Input[str], role: str, rules: list[dict[str, list[str]]], account: str
    ) -> pulumi.Output[str]:
        opts = pulumi.ResourceOptions(parent=self)
        metadata = {"name": role, "namespace": namespace}
        role_name: pulumi.Output[str] = rbac.v1.Role(name, metadata=metadata, rules=rules, opts=opts).metadata["name"]
        rbac.v1.RoleBinding(
            name,
            metadata=metadata,
            role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role_name},
            subjects=[{"kind": "ServiceAccount", "name": account, "namespace": PLATFORM}],
            opts=opts,
        )
        return role_name
