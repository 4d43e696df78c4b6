"""What the cluster's own parts need in the API: their rights, the DNS service, and a node that takes all pods."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from sandbox.network import SandboxNetwork

API_SERVER_USER: Final = "ariel:kube-apiserver"
"""The user as whom the API server speaks to the kubelet (logs, exec, port-forward)."""
DNS_USER: Final = "ariel:coredns"

NODE_CPUS: Final = 16
"""Processors that the node says it has, on a machine with fewer.

Pods ask for what they need at their busiest in production, most are idle here, and requests are only a share of the
processor's time; so the scheduler may place more than the machine has. Memory is never promised twice.
"""

_MANAGER: Final = "ariel-sandbox"
_FIELDS: Final = ("capacity", "allocatable")
_RBAC: Final = "rbac.authorization.k8s.io"


def apply(client: httpx.Client, server: str, network: SandboxNetwork, dns_port: int) -> None:
    """Make the objects as they should be, or leave them so. Raises httpx.HTTPStatusError."""
    for path, content in _objects(network, dns_port):
        answer = client.patch(
            f"{server}{path}/{content['metadata']['name']}",
            params={"fieldManager": _MANAGER, "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            json=content,
        )
        answer.raise_for_status()


def _objects(network: SandboxNetwork, dns_port: int) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from _rights()
    yield from _dns_service(network, dns_port)
    yield from overcommitment("ariel-node-cpus", "cpu", str(max(NODE_CPUS, os.cpu_count() or 1)))


def _rights() -> Iterator[tuple[str, dict[str, Any]]]:
    rules = [
        {"apiGroups": [""], "resources": ["namespaces", "pods", "services"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    roles = f"/apis/{_RBAC}/v1/clusterroles"
    yield roles, _object(f"{_RBAC}/v1", "ClusterRole", DNS_USER, {}, rules=rules)
    for user, role in ((DNS_USER, DNS_USER), (API_SERVER_USER, "system:kubelet-api-admin")):
        yield (
            f"/apis/{_RBAC}/v1/clusterrolebindings",
            _object(
                f"{_RBAC}/v1",
                "ClusterRoleBinding",
                user,
                {},
                roleRef={"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
                subjects=[{"apiGroup": _RBAC, "kind": "User", "name": user}],
            ),
        )


def _dns_service(network: SandboxNetwork, dns_port: int) -> Iterator[tuple[str, dict[str, Any]]]:
    protocols = (("dns", "UDP"), ("dns-tcp", "TCP"))
    ports = [{"name": name, "protocol": protocol, "port": 53} for name, protocol in protocols]
    yield (
        "/api/v1/namespaces/kube-system/services",
        _object(
            "v1",
            "Service",
            "kube-dns",
            {"namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
            # Without a selector: the DNS server is no pod.
            spec={"clusterIP": network.cluster_dns, "ports": ports},
        ),
    )
    yield (
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
        _object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "kube-dns",
            {"namespace": "kube-system", "labels": {"kubernetes.io/service-name": "kube-dns"}},
            addressType="IPv4",
            endpoints=[{"addresses": [network.gateway], "conditions": {"ready": True}}],
            ports=[{"name": name, "protocol": protocol, "port": dns_port} for name, protocol in protocols],
        ),
    )


def overcommitment(name: str, resource: str, quantity: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A rule on what kubelet writes of its node, whatever the machine has; kubelet reads it back, so both agree.

    The path of each object's kind, and the object.
    """
    group = "admissionregistration.k8s.io"
    patches = [f'JSONPatch{{op: "add", path: "/status/{field}/{resource}", value: "{quantity}"}}' for field in _FIELDS]
    resources = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["nodes", "nodes/status"]}
    yield (
        f"/apis/{group}/v1/mutatingadmissionpolicies",
        _object(
            f"{group}/v1",
            "MutatingAdmissionPolicy",
            name,
            {},
            spec={
                "matchConstraints": {"resourceRules": [{**resources, "operations": ["CREATE", "UPDATE"]}]},
                "matchConditions": [{"name": field, "expression": f"has(object.status.{field})"} for field in _FIELDS],
                "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{', '.join(patches)}]"}}],
                "reinvocationPolicy": "Never",
                "failurePolicy": "Fail",
            },
        ),
    )
    yield (
        f"/apis/{group}/v1/mutatingadmissionpolicybindings",
        _object(f"{group}/v1", "MutatingAdmissionPolicyBinding", name, {}, spec={"policyName": name}),
    )


def _object(version: str, kind: str, name: str, metadata: Mapping[str, Any], **content: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, **content}
