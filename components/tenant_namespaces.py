"""The two namespaces of a tenant: one for its task pods, one for what parses and serves its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import core

from components import admission_images
from components.namespace import PLATFORM, Namespace, NamespaceArgs
from components.network_policy import (
    API_SERVER_PORT,
    GIT_PORT,
    HTTPS_PORT,
    addresses,
    declared,
    egress,
    in_namespace,
    network_policy,
    public,
)
from components.pod import NAME_LABEL, Manifest
from components.service_account import service_account
from stacks.naming import parse_namespace, task_namespace
from stacks.tenant import Egress, Quota

_DEFAULT_CPU: Final = "250m"
_DEFAULT_MEMORY: Final = "512Mi"
_UNITS: Final = {"m": 1e-3, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


@dataclass(frozen=True, kw_only=True)
class TenantNamespacesArgs:
    slug: str
    kubernetes_version: str
    quota: Quota
    client_id: pulumi.Input[str]
    """Of the tenant's identity, which the account `task` takes on."""
    group_client_ids: Mapping[str, pulumi.Input[str]]
    """DAG group -> client id of the group's identity, which the account `task-<group>` takes on."""
    destinations: Sequence[Egress]
    """The tenant's egress list."""
    endpoints_range: str
    """Addresses of the private endpoints (vaults, log storage)."""
    registry: pulumi.Input[str]
    """Login server of the platform's registry; all its images are allowed."""
    allowed_images: Sequence[str]


class TenantNamespaces(pulumi.ComponentResource):
    """Owns both namespaces, and in that of the tasks: accounts, quota, limits, network policy and allowed images.

    The account `default` is the controller's; no pod may use it, and it can do nothing.
    Outputs: `tasks` and `parse`, the names, known only when the namespaces exist.
    """

    def __init__(self, name: str, args: TenantNamespacesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:TenantNamespaces", name, None, opts)
        self.tasks = self._namespace(f"{name}-tasks", args, "tasks", task_namespace(args.slug))
        self.parse = self._namespace(f"{name}-parse", args, "parse", parse_namespace(args.slug))
        child = pulumi.ResourceOptions(parent=self)
        identities = {"task": args.client_id, **{f"task-{key}": each for key, each in args.group_client_ids.items()}}
        for account, client_id in identities.items():
            service_account(
                f"{name}-{account}", account=account, namespace=self.tasks, parent=self, client_id=client_id
            )
        metadata = {"name": "tasks", "namespace": self.tasks}
        core.v1.ResourceQuota(name, metadata=metadata, spec={"hard": namespace_quota(args.quota)}, opts=child)
        core.v1.LimitRange(name, metadata=metadata, spec={"limits": [container_limits(args.quota)]}, opts=child)
        core.v1.ConfigMap(
            f"{name}-images",
            metadata={
                "name": admission_images.CONFIG_MAP,
                "namespace": self.tasks,
                "labels": admission_images.LABELS,
            },
            data={"images": admission_images.document(args.registry, args.allowed_images)},
            opts=child,
        )
        network_policy(
            f"{name}-tasks",
            policy="tasks",
            namespace=self.tasks,
            selector={},
            parent=self,
            egress=task_egress(args.slug, args.endpoints_range, args.destinations),
        )
        self.register_outputs({"tasks": self.tasks, "parse": self.parse})

    def _namespace(self, name: str, args: TenantNamespacesArgs, purpose: str, namespace: str) -> pulumi.Output[str]:
        return Namespace(
            name,
            NamespaceArgs(
                namespace=namespace, purpose=purpose, kubernetes_version=args.kubernetes_version, slug=args.slug
            ),
            pulumi.ResourceOptions(parent=self),
        ).name


def task_egress(slug: str, endpoints_range: str, destinations: Sequence[Egress]) -> list[Manifest]:
    """What a task may reach: the Execution API, the own mirror, vaults and storage, Entra, the declared destinations.

    Entra's token endpoint has public addresses that change, and policies know no names: so any public address is open
    on port 443. What keeps a tenant from another's vault is the vault's role assignments.
    """
    return [
        egress([in_namespace(PLATFORM, {"component": "api-server"})], API_SERVER_PORT),
        egress([in_namespace(parse_namespace(slug), {NAME_LABEL: "git-mirror"})], GIT_PORT),
        egress([addresses(endpoints_range), public()], HTTPS_PORT),
        *declared(destinations),
    ]


def namespace_quota(quota: Quota) -> dict[str, str]:
    """The most that all pods of the namespace may ask for together. Nothing but pods may exist there."""
    return {
        "pods": str(quota.pods),
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "limits.memory": quota.memory,
        "persistentvolumeclaims": "0",
        "services": "0",
    }


def container_limits(quota: Quota) -> Manifest:
    """What a container gets that does not say, and the most that one may have.

    One that names no CPU limit may use idle cores up to the quota. A bound on the node's disk keeps a task that fills
    it from hurting its neighbours.
    """
    cpu = min(_DEFAULT_CPU, quota.cpu, key=_amount)
    memory = min(_DEFAULT_MEMORY, quota.memory, key=_amount)
    return {
        "type": "Container",
        "defaultRequest": {"cpu": cpu, "memory": memory, "ephemeral-storage": "256Mi"},
        "default": {"cpu": quota.cpu, "memory": memory, "ephemeral-storage": "4Gi"},
        "max": {"cpu": quota.cpu, "memory": quota.memory},
    }


def _amount(quantity: str) -> float:
    """Cores or bytes of a quantity in the forms which a stack file allows."""
    for unit, factor in _UNITS.items():
        if quantity.endswith(unit):
            return float(quantity.removesuffix(unit)) * factor
    return float(quantity)
