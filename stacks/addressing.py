"""The address plan of a stack as networks, and how many addresses each part of it has to hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from stacks.settings import Network, NodePool, Settings
from stacks.tenant import SecretsMode

RESERVED_BY_AZURE: Final = 5
"""Addresses which Azure keeps in every subnet: the first four and the last."""

LONGEST_DELEGATED_PREFIX: Final = 28
"""Smallest subnet that Flexible Server and the DNS resolver's endpoint take."""

POD_PREFIX: Final = 24
"""AKS cuts the overlay into a /24 per node."""

PLATFORM_ENDPOINTS: Final[dict[str, int]] = {"log storage": 1, "platform vault": 1}
REGISTRY_ENDPOINT: Final = 2
"""A private registry takes two addresses: one for its API, one for its data."""

BESIDE_NODES: Final = 2
"""Addresses in the nodes' subnet which are no node: the ingress's load balancer and a private API server."""

SURGE_PERCENT: Final = 33
"""Nodes that an upgrade adds to a pool, in per cent of the pool; the cluster's pools are made with it."""

FORBIDDEN: Final = tuple(IPv4Network(text) for text in ("169.254.0.0/16", "172.30.0.0/15", "192.0.2.0/24"))
"""Ranges that an AKS cluster, its pods and services must not use (Azure, "CNI networking prerequisites")."""

PRIVATE: Final = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
"""RFC 1918 and RFC 6598: all that a private network may use without hiding a part of the internet from itself."""

AZURE_PLATFORM: Final = (IPv4Network("169.254.0.0/16"), IPv4Network("168.63.129.16/32"))
"""Instance metadata, which hands out the node's identity, and Azure's own DNS and agent address."""


@dataclass(frozen=True, kw_only=True)
class AddressPlan:
    """Every range of a stack. `subnets` and `overlays` are named as their settings."""

    space: IPv4Network
    subnets: Mapping[str, IPv4Network]
    overlays: Mapping[str, IPv4Network]
    hub: tuple[IPv4Network, ...]


def plan_of(network: Network) -> AddressPlan:
    """The plan as networks; the models have already refused what is none."""
    return AddressPlan(
        space=IPv4Network(network.address_space),
        subnets={name: IPv4Network(getattr(network, name)) for name in ("nodes", "endpoints", "database", "resolver")},
        overlays={name: IPv4Network(getattr(network, name)) for name in ("pods", "services")},
        hub=tuple(IPv4Network(text) for text in network.hub.address_space) if network.hub else (),
    )


def usable(network: IPv4Network) -> int:
    """Addresses of a subnet that Azure leaves to its user."""
    return max(0, network.num_addresses - RESERVED_BY_AZURE)


def own_vaults(settings: Settings) -> int:
    """Vaults beside the platform's: one per tenant that shares none, one per trust group."""
    own = sum(tenant.secrets.mode is SecretsMode.VAULT for tenant in settings.tenants.values())
    return own + len(settings.trust_groups)


def endpoint_addresses(settings: Settings) -> int:
    """Addresses that the stack's private endpoints take."""
    registry = REGISTRY_ENDPOINT if settings.registry.private else 0
    return sum(PLATFORM_ENDPOINTS.values()) + registry + own_vaults(settings)


def surge(pool: NodePool) -> int:
    """Nodes that an upgrade adds; AKS rounds up."""
    return math.ceil(pool.maximum * SURGE_PERCENT / 100)


def most_nodes(settings: Settings) -> int:
    """Nodes at full load in the middle of an upgrade; each takes one address (CNI overlay) and one /24 of the pods."""
    pools = (settings.kubernetes.system_pool, settings.kubernetes.task_pool)
    return sum(pool.maximum + surge(pool) for pool in pools)
