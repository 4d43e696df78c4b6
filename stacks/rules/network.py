"""Rules of the address plan."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations
from typing import Final

from stacks import addressing
from stacks.addressing import AddressPlan
from stacks.errors import Problem
from stacks.rules.rule import Rule
from stacks.settings import Settings

MOST_DNS_SERVERS: Final = 6
"""Targets of one forwarding rule (Azure DNS Private Resolver, limits)."""

SERVICES_PREFIXES: Final = range(13, 25)
"""AKS wants the services' range smaller than a /12; below a /24 the platform's own services crowd it."""


def subnets_lie_in_the_network(settings: Settings) -> Iterator[Problem]:
    plan = addressing.plan_of(settings.network)
    for name, subnet in plan.subnets.items():
        if not subnet.subnet_of(plan.space):
            yield Problem(
                path=f"network.{name}",
                value=str(subnet),
                rule=f"a subnet lies in network.addressSpace, which is {plan.space}",
                action="choose a range inside it",
            )


def ranges_do_not_overlap(settings: Settings) -> Iterator[Problem]:
    """Subnets among each other; pods and services with each other, the network, and the hub; the hub with the network.

    A hub range that holds one of ours would draw its traffic away; there is no way back once both are in use.
    """
    plan = addressing.plan_of(settings.network)
    for (name, one), (other_name, other) in _must_be_apart(plan):
        if one.overlaps(other):
            yield Problem(
                path=f"network.{name}",
                value=str(one),
                rule=f"does not overlap network.{other_name}, which is {other}",
                action="move one of them to a free range",
            )


def _must_be_apart(plan: AddressPlan) -> Iterator[tuple[tuple[str, IPv4Network], tuple[str, IPv4Network]]]:
    space = ("addressSpace", plan.space)
    hub = [(f"hub.addressSpace[{index}]", network) for index, network in enumerate(plan.hub)]
    yield from combinations(plan.subnets.items(), 2)
    yield from combinations(plan.overlays.items(), 2)
    for overlay in plan.overlays.items():
        yield overlay, space
        yield from ((overlay, outside) for outside in hub)
    yield from ((space, outside) for outside in hub)


def ranges_are_usable(settings: Settings) -> Iterator[Problem]:
    plan = addressing.plan_of(settings.network)
    for name, network in {"addressSpace": plan.space, **plan.overlays}.items():
        if not any(network.subnet_of(private) for private in addressing.PRIVATE):
            allowed = ", ".join(map(str, addressing.PRIVATE))
            yield Problem(
                path=f"network.{name}",
                value=str(network),
                rule=f"a private range, inside one of {allowed}",
                action="choose a private range",
            )
        for forbidden in addressing.FORBIDDEN:
            if network.overlaps(forbidden):
                yield Problem(
                    path=f"network.{name}",
                    value=str(network),
                    rule=f"does not overlap {forbidden}, which AKS keeps for itself",
                    action="choose another range",
                )


def endpoints_hold_every_vault(settings: Settings) -> Iterator[Problem]:
    subnet = addressing.plan_of(settings.network).subnets["endpoints"]
    needed, usable = addressing.endpoint_addresses(settings), addressing.usable(subnet)
    if needed > usable:
        vaults = addressing.own_vaults(settings)
        yield Problem(
            path="network.endpoints",
            value=str(subnet),
            rule=f"holds {needed} private endpoints' addresses ({needed - vaults} of the platform + {vaults} tenants' "
            f"vaults); it has {subnet.num_addresses} - {addressing.RESERVED_BY_AZURE} kept by Azure = {usable}",
            action="choose a larger range, or remove tenants",
        )


def nodes_hold_every_node(settings: Settings) -> Iterator[Problem]:
    subnet = addressing.plan_of(settings.network).subnets["nodes"]
    nodes, usable = addressing.most_nodes(settings), addressing.usable(subnet)
    needed = nodes + addressing.BESIDE_NODES
    if needed > usable:
        yield Problem(
            path="network.nodes",
            value=str(subnet),
            rule=f"holds {needed} addresses ({nodes} nodes at their maximum in mid-upgrade + {addressing.BESIDE_NODES} "
            f"beside them); it has {subnet.num_addresses} - {addressing.RESERVED_BY_AZURE} kept by Azure = {usable}",
            action="choose a larger range, or lower kubernetes.systemPool.maximum or taskPool.maximum",
        )


def pods_hold_every_node(settings: Settings) -> Iterator[Problem]:
    pods = addressing.plan_of(settings.network).overlays["pods"]
    nodes = addressing.most_nodes(settings)
    room = 2 ** max(0, addressing.POD_PREFIX - pods.prefixlen) if pods.prefixlen <= addressing.POD_PREFIX else 0
    if nodes > room:
        yield Problem(
            path="network.pods",
            value=str(pods),
            rule=f"holds a /{addressing.POD_PREFIX} for each of {nodes} nodes; it holds {room}",
            action="choose a larger range, or lower kubernetes.systemPool.maximum or taskPool.maximum",
        )


def delegated_subnets_are_large_enough(settings: Settings) -> Iterator[Problem]:
    plan = addressing.plan_of(settings.network)
    for name in ("database", "resolver"):
        subnet = plan.subnets[name]
        if subnet.prefixlen > addressing.LONGEST_DELEGATED_PREFIX:
            yield Problem(
                path=f"network.{name}",
                value=str(subnet),
                rule=f"a /{addressing.LONGEST_DELEGATED_PREFIX} or larger: Azure takes no smaller delegated subnet",
                action=f"choose a /{addressing.LONGEST_DELEGATED_PREFIX}",
            )


def services_have_a_size_that_aks_takes(settings: Settings) -> Iterator[Problem]:
    services = addressing.plan_of(settings.network).overlays["services"]
    if services.prefixlen not in SERVICES_PREFIXES:
        yield Problem(
            path="network.services",
            value=str(services),
            rule=f"between /{SERVICES_PREFIXES.start} and /{SERVICES_PREFIXES.stop - 1}",
            action="choose a range of that size; a /16 is plenty",
        )


def dns_is_forwarded_through_the_hub(settings: Settings) -> Iterator[Problem]:
    network = settings.network
    if network.dns_forwarding and network.hub is None:
        yield Problem(
            path="network.dnsForwarding",
            value=", ".join(network.dns_forwarding),
            rule="DNS servers outside Azure are reached through a hub",
            action="add network.hub, or remove network.dnsForwarding",
        )
    for domain, servers in network.dns_forwarding.items():
        if not 1 <= len(servers) <= MOST_DNS_SERVERS:
            yield Problem(
                path=f"network.dnsForwarding.{domain}",
                value=f"{len(servers)} addresses",
                rule=f"1 to {MOST_DNS_SERVERS} DNS servers answer for a domain",
                action="list the addresses of its DNS servers",
            )


RULES: Final = (
    Rule(subnets_lie_in_the_network, reads=("network",)),
    Rule(ranges_do_not_overlap, reads=("network",)),
    Rule(ranges_are_usable, reads=("network",)),
    Rule(endpoints_hold_every_vault, reads=("network", "registry")),
    Rule(nodes_hold_every_node, reads=("network", "kubernetes.systemPool", "kubernetes.taskPool")),
    Rule(pods_hold_every_node, reads=("network", "kubernetes.systemPool", "kubernetes.taskPool")),
    Rule(delegated_subnets_are_large_enough, reads=("network",)),
    Rule(services_have_a_size_that_aks_takes, reads=("network",)),
    Rule(dns_is_forwarded_through_the_hub, reads=("network",)),
)
