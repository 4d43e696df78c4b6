"""A private endpoint: an address in our network for one Azure resource, and its name in the private zone."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from components.placement import Placement
from stacks.naming import Kind


@dataclass(frozen=True, kw_only=True)
class EndpointNetwork:
    """Where endpoints of one kind go: the subnet, and the zone which resolves them."""

    subnet_id: pulumi.Input[str]
    zone_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class PrivateEndpointArgs:
    placement: Placement
    purpose: str
    target_id: pulumi.Input[str]
    group_id: str
    """Sub-resource of the target: `vault`, `blob`, `registry`."""
    network: EndpointNetwork


class PrivateEndpoint(pulumi.ComponentResource):
    """Owns the endpoint and its zone group; not the zone nor the target. Output: `id`."""

    def __init__(self, name: str, args: PrivateEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:PrivateEndpoint", name, None, opts)
        endpoint_name = args.placement.names.of(Kind.PRIVATE_ENDPOINT, args.purpose)
        endpoint = network.PrivateEndpoint(
            name,
            private_endpoint_name=endpoint_name,
            resource_group_name=args.placement.resource_group,
            location=args.placement.location,
            subnet=network.SubnetArgs(id=args.network.subnet_id),
            custom_network_interface_name=f"{endpoint_name}-nic",
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=args.group_id, private_link_service_id=args.target_id, group_ids=[args.group_id]
                )
            ],
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        network.PrivateDnsZoneGroup(
            f"{name}-zone",
            private_dns_zone_group_name="default",
            private_endpoint_name=endpoint.name,
            resource_group_name=args.placement.resource_group,
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(name=args.group_id, private_dns_zone_id=args.network.zone_id)
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.id = endpoint.id
        self.register_outputs({"id": self.id})
