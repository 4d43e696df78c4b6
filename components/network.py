"""The stack's network: who has which addresses, what may reach what, and under which address it goes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from components.diagnostics import diagnose
from components.placement import Placement
from stacks.naming import Kind
from stacks.settings import Network as NetworkPlan

DATABASE_DELEGATION = "Microsoft.DBforPostgreSQL/flexibleServers"
RESOLVER_DELEGATION = "Microsoft.Network/dnsResolvers"


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    placement: Placement
    plan: NetworkPlan
    web_clients: Sequence[str]
    """Ranges outside the network from which people reach the web interface on the load balancer of the nodes."""
    workspace_id: pulumi.Input[str]


class Network(pulumi.ComponentResource):
    """Owns the virtual network, its subnets and their security groups, the NAT gateway and the hub peering.

    Azure takes one subnet write per network at a time, hence the chain.
    Outputs: `id` of the network, `subnets` (purpose -> id), `egress_address` (static, for allow lists of others).
    """

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Network", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        plan, placement = args.plan, args.placement
        self._network = network.VirtualNetwork(
            name,
            virtual_network_name=placement.names.of(Kind.VIRTUAL_NETWORK),
            resource_group_name=placement.resource_group,
            location=placement.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[plan.address_space]),
            tags=placement.tags,
            # The subnets are resources of their own; a write of the network without them must not drop them.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["subnets"]),
        )
        diagnose(
            name, target_id=self._network.id, workspace_id=args.workspace_id, parent=self, all_logs=False, metrics=True
        )
        gateway = self._nat_gateway()
        nodes = self._subnet("nodes", plan.nodes, self._web_rules(), None, gateway=gateway)
        endpoints = self._subnet(
            "endpoints",
            plan.endpoints,
            (
                _inbound("https-from-network", 100, [plan.address_space], "443"),
                *([_inbound("https-from-hub", 110, plan.hub.address_space, "443")] if plan.hub else []),
                _CLOSED,
            ),
            nodes,
        )
        database = self._subnet(
            "database",
            plan.database,
            (
                _inbound("postgresql-from-nodes", 100, [plan.nodes], "5432"),
                # A server and its standby; source: Azure Database for PostgreSQL, networking in a virtual network.
                _inbound("postgresql-from-itself", 110, [plan.database], "5432"),
                _CLOSED,
            ),
            endpoints,
            delegation=DATABASE_DELEGATION,
        )
        self.subnets: dict[str, pulumi.Output[str]] = {
            "nodes": nodes.id,
            "endpoints": endpoints.id,
            "database": database.id,
        }
        if plan.dns_forwarding:
            resolver = self._subnet("resolver", plan.resolver, (), database, delegation=RESOLVER_DELEGATION)
            self.subnets["resolver"] = resolver.id
        if plan.hub:
            self._peering(plan.hub.virtual_network_id)
        self.id = self._network.id
        self.register_outputs({"id": self.id, "subnets": self.subnets, "egress_address": self.egress_address})

    def _web_rules(self) -> tuple[network.SecurityRuleArgs, ...]:
        """AKS opens its own security group for a load balancer, never that of a subnet it was given.

        Azure's default rules let in the virtual network and the load balancer's probes, and close the rest.
        """
        clients = self._args.web_clients
        return (_inbound("https-from-clients", 100, clients, "443"),) if clients else ()

    def _nat_gateway(self) -> network.NatGateway:
        placement = self._args.placement
        address = network.PublicIPAddress(
            f"{self._name}-egress",
            public_ip_address_name=placement.names.of(Kind.PUBLIC_IP, "egress"),
            resource_group_name=placement.resource_group,
            location=placement.location,
            sku=network.PublicIPAddressSkuArgs(name="Standard", tier="Regional"),
            public_ip_allocation_method="Static",
            public_ip_address_version="IPv4",
            tags=placement.tags,
            opts=self._child,
        )
        diagnose(f"{self._name}-egress", target_id=address.id, workspace_id=self._args.workspace_id, parent=self)
        self.egress_address = address.ip_address
        return network.NatGateway(
            f"{self._name}-nat",
            nat_gateway_name=placement.names.of(Kind.NAT_GATEWAY),
            resource_group_name=placement.resource_group,
            location=placement.location,
            sku=network.NatGatewaySkuArgs(name="Standard"),
            idle_timeout_in_minutes=10,
            public_ip_addresses=[network.SubResourceArgs(id=address.id)],
            tags=placement.tags,
            opts=self._child,
        )

    def _subnet(
        self,
        purpose: str,
        prefix: str,
        rules: tuple[network.SecurityRuleArgs, ...],
        after: pulumi.Resource | None,
        *,
        delegation: str | None = None,
        gateway: network.NatGateway | None = None,
    ) -> network.Subnet:
        placement = self._args.placement
        group = network.NetworkSecurityGroup(
            f"{self._name}-{purpose}-rules",
            network_security_group_name=placement.names.of(Kind.NETWORK_SECURITY_GROUP, purpose),
            resource_group_name=placement.resource_group,
            location=placement.location,
            security_rules=list(rules),
            tags=placement.tags,
            opts=self._child,
        )
        diagnose(
            f"{self._name}-{purpose}-rules",
            target_id=group.id,
            workspace_id=self._args.workspace_id,
            parent=self,
            metrics=False,
        )
        return network.Subnet(
            f"{self._name}-{purpose}",
            subnet_name=placement.names.of(Kind.SUBNET, purpose),
            virtual_network_name=self._network.name,
            resource_group_name=placement.resource_group,
            address_prefix=prefix,
            default_outbound_access=False,
            private_endpoint_network_policies="Enabled",
            delegations=[network.DelegationArgs(name="service", service_name=delegation)] if delegation else None,
            network_security_group=network.NetworkSecurityGroupArgs(id=group.id),
            nat_gateway=network.SubResourceArgs(id=gateway.id) if gateway else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after] if after else None),
        )

    def _peering(self, hub_id: str) -> None:
        network.VirtualNetworkPeering(
            f"{self._name}-hub",
            virtual_network_peering_name=self._args.placement.names.of(Kind.PEERING, "hub"),
            virtual_network_name=self._network.name,
            resource_group_name=self._args.placement.resource_group,
            remote_virtual_network=network.SubResourceArgs(id=hub_id),
            allow_virtual_network_access=True,
            allow_forwarded_traffic=True,
            use_remote_gateways=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._network]),
        )


def _inbound(name: str, priority: int, sources: Sequence[str], port: str) -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name=name,
        priority=priority,
        direction="Inbound",
        access="Allow",
        protocol="Tcp",
        source_address_prefixes=list(sources),
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range=port,
    )


_CLOSED = network.SecurityRuleArgs(
    name="nothing-else",
    priority=4096,
    direction="Inbound",
    access="Deny",
    protocol="*",
    source_address_prefix="*",
    source_port_range="*",
    destination_address_prefix="*",
    destination_port_range="*",
)
