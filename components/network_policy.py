"""Network policies: peers and rules as plain data, and the resource that holds them.

Kubernetes policies know addresses, pods and namespaces, never host names. The address service of the cloud's host
(`169.254.169.254`, which hands out the node's identity) and Azure's host address are left out of every wide range here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
from pulumi_kubernetes import networking

from components.pod import NAME_LABEL, PURPOSE_LABEL, TENANT_LABEL, Manifest
from stacks.tenant import Egress

API_SERVER_PORT: Final = 8080
PGBOUNCER_PORT: Final = 6432
POSTGRESQL_PORT: Final = 5432
GIT_PORT: Final = 9418
MIRROR_STATE_PORT: Final = 9419
"""Where a git mirror is asked by the API server, which knows it as `ariel_runtime.mirror_state.PORT`."""
HTTPS_PORT: Final = 443
STATSD_PORT: Final = 9125
API_PORTS: Final = (HTTPS_PORT, 6443)
"""Where Kubernetes API servers listen."""

_EVERYTHING: Final = "0.0.0.0/0"
_HOST_SERVICES: Final = ("169.254.0.0/16", "168.63.129.16/32")
"""Link-local (metadata service); Azure's host address, see Azure's "What is IP address 168.63.129.16?"."""
_PRIVATE: Final = ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""RFC 1918, RFC 6598, loopback and "this network"."""


def pods(**match: str) -> Manifest:
    """Peers: pods of the same namespace with these labels; `component` and `release` are the Airflow chart's labels."""
    return {"podSelector": {"matchLabels": match}}


def named(component: str) -> Manifest:
    """Peers: our own pods of that name in the same namespace."""
    return {"podSelector": {"matchLabels": {NAME_LABEL: component}}}


def in_namespace(namespace: str, match: Mapping[str, str] | None = None) -> Manifest:
    """Peers: pods with these labels (all, without) of one namespace."""
    selector: Manifest = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    return {**selector, "podSelector": {"matchLabels": dict(match)}} if match else selector


def in_tenant_namespaces(*purposes: str, component: str | None = None) -> Manifest:
    """Peers: pods of all tenants' namespaces of these purposes (`tasks`, `parse`), without naming a tenant."""
    selector: Manifest = {
        "namespaceSelector": {
            "matchExpressions": [
                {"key": TENANT_LABEL, "operator": "Exists"},
                {"key": PURPOSE_LABEL, "operator": "In", "values": list(purposes)},
            ]
        }
    }
    return {**selector, "podSelector": {"matchLabels": {NAME_LABEL: component}}} if component else selector


def addresses(cidr: str) -> Manifest:
    """Peers: an address range without the host's own services inside it.

    Raises ValueError where the range lies wholly in the host's services: nothing would be left of it.
    """
    network = ipaddress.IPv4Network(cidr)
    hosts = [ipaddress.IPv4Network(each) for each in _HOST_SERVICES]
    if any(network.subnet_of(host) for host in hosts):
        raise ValueError(f"{cidr} belongs to the services of the node's host, which no pod may reach")
    return _block(cidr, [str(host) for host in hosts if host.subnet_of(network)])


def anywhere() -> Manifest:
    """Peers: every address outside the cluster but the host's own services; for the platform's own code only."""
    return _block(_EVERYTHING, _HOST_SERVICES)


def public() -> Manifest:
    """Peers: every public address."""
    return _block(_EVERYTHING, (*_PRIVATE, *_HOST_SERVICES))


def _block(cidr: str, without: Sequence[str]) -> Manifest:
    return {"ipBlock": {"cidr": cidr, **({"except": list(without)} if without else {})}}


def egress(peers: Sequence[Manifest], *ports: int, protocol: str = "TCP") -> Manifest:
    """A rule: traffic to one of the peers on one of the ports."""
    return {"to": list(peers), "ports": [{"protocol": protocol, "port": port} for port in ports]}


def ingress(peers: Sequence[Manifest], *ports: int, protocol: str = "TCP") -> Manifest:
    """A rule: traffic from one of the peers to one of the ports."""
    return {"from": list(peers), "ports": [{"protocol": protocol, "port": port} for port in ports]}


def name_resolution() -> Manifest:
    """The rule that lets a pod ask the cluster's DNS."""
    return {
        "to": [in_namespace("kube-system", {"k8s-app": "kube-dns"})],
        "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")],
    }


def declared(destinations: Sequence[Egress]) -> list[Manifest]:
    """The rules for a tenant's egress list.

    A range and its port are enforced as they stand. Of a host, the port is enforced, and that the address is public:
    the tenant may then reach any public address on that port. A host whose name resolves to a private address
    (on-premises) must therefore be declared by its range.
    """
    return [egress([addresses(each.cidr) if each.cidr else public()], each.port) for each in destinations]


def network_policy(
    name: str,
    *,
    policy: str,
    namespace: pulumi.Input[str],
    selector: Mapping[str, str],
    parent: pulumi.Resource,
    egress: Sequence[Manifest] | None = None,
    ingress: Sequence[Manifest] | None = None,
) -> networking.v1.NetworkPolicy:
    """The policy `policy` for the pods with the labels `selector` (all of the namespace where it is empty).

    A direction given as an empty list is closed; one not given is left to other policies.
    """
    directions = {"Egress": egress, "Ingress": ingress}
    return networking.v1.NetworkPolicy(
        name,
        metadata={"name": policy, "namespace": namespace},
        spec={
            "podSelector": {"matchLabels": dict(selector)},
            "policyTypes": [direction for direction, rules in directions.items() if rules is not None],
            **({"egress": list(egress)} if egress else {}),
            **({"ingress": list(ingress)} if ingress else {}),
        },
        opts=pulumi.ResourceOptions(parent=parent),
    )
