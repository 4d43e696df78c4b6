"""What the cluster's own parts need in the API: rights of the DNS server and the API server, and the DNS service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from sandbox.network import SandboxNetwork

API_SERVER_USER: Final = "ariel:kube-apiserver"
"""The user as whom the API server speaks to the kubelet (logs, exec, port-forward)."""
DNS_USER: Final = "ariel:coredns"

_MANAGER: Final = "ariel-sandbox"
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


def _object(version: str, kind: str, name: str, metadata: Mapping[str, Any], **content: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, **content}
