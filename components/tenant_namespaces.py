"""The two namespaces of a tenant: one for its task pods, one for what parses and serves its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import core

from components import admission_images, git_mirror
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
from components.tenant_airflow import cpu_limit
from stacks.model import Resources
from stacks.naming import parse_namespace, task_namespace
from stacks.quantity import mebibytes, millicores
from stacks.tenant import Egress, Processor, Quota, Triggerer

_DEFAULT_CPU: Final = "250m"
_DEFAULT_MEMORY: Final = "512Mi"


@dataclass(frozen=True, kw_only=True)
class TenantNamespacesArgs:
    slug: str
    kubernetes_version: str
    quota: Quota
    processor: Processor
    triggerer: Triggerer
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
    """Owns both namespaces with quota and limits, and for the tasks: accounts, network policy and allowed images.

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
        self._bounds(name, "tasks", self.tasks, namespace_quota(args.quota), container_limits(args.quota))
        parts = parsing_parts(args.processor, args.triggerer)
        self._bounds(f"{name}-parse", "parse", self.parse, parse_quota(parts), parse_limits(parts))
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

    def _bounds(
        self, name: str, purpose: str, namespace: pulumi.Output[str], hard: Mapping[str, str], limits: Manifest
    ) -> None:
        metadata, child = {"name": purpose, "namespace": namespace}, pulumi.ResourceOptions(parent=self)
        core.v1.ResourceQuota(name, metadata=metadata, spec={"hard": hard}, opts=child)
        core.v1.LimitRange(name, metadata=metadata, spec={"limits": [limits]}, opts=child)

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
    cpu = min(_DEFAULT_CPU, quota.cpu, key=millicores)
    memory = min(_DEFAULT_MEMORY, quota.memory, key=mebibytes)
    return {
        "type": "Container",
        "defaultRequest": {"cpu": cpu, "memory": memory, "ephemeral-storage": "256Mi"},
        "default": {"cpu": quota.cpu, "memory": memory, "ephemeral-storage": "4Gi"},
        "max": {"cpu": quota.cpu, "memory": quota.memory},
    }


def parsing_parts(processor: Processor, triggerer: Triggerer) -> list[tuple[Resources, int]]:
    """What runs in the namespace for parsing: one replica's share and the replicas, of each Deployment."""
    parts = [(processor.resources, processor.replicas), (git_mirror.RESOURCES, 1)]
    return [*parts, (triggerer.resources, triggerer.replicas)] if triggerer.enabled else parts


def parse_quota(parts: Sequence[tuple[Resources, int]]) -> dict[str, str]:
    """What is there and one pod more of each: a Deployment of up to four replicas starts one before it ends another."""
    cpu = sum(millicores(resources.cpu) * (replicas + 1) for resources, replicas in parts)
    memory = sum(mebibytes(resources.memory) * (replicas + 1) for resources, replicas in parts)
    return {
        "pods": str(sum(replicas + 1 for _, replicas in parts)),
        "requests.cpu": f"{cpu}m",
        "requests.memory": f"{memory}Mi",
        "limits.memory": f"{memory}Mi",
        "persistentvolumeclaims": "0",
        "services": "1",
    }


def parse_limits(parts: Sequence[tuple[Resources, int]]) -> Manifest:
    """No container is larger than the largest that is there; one that says nothing gets as little as the mirror."""
    little = {"cpu": git_mirror.RESOURCES.cpu, "memory": git_mirror.RESOURCES.memory}
    cpus = [cpu_limit(resources) for resources, _ in parts]
    largest = {
        "cpu": max(cpus, key=millicores),
        "memory": max((resources.memory for resources, _ in parts), key=mebibytes),
    }
    return {"type": "Container", "defaultRequest": little, "default": little, "max": largest}
