"""Names of systems outside Azure: questions for their domains go to the DNS servers that know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import dnsresolver

from components.placement import Placement
from stacks.naming import Kind


@dataclass(frozen=True, kw_only=True)
class DnsForwardingArgs:
    placement: Placement
    virtual_network_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    """Delegated to `Microsoft.Network/dnsResolvers`, at least /28."""
    zones: Mapping[str, Sequence[str]]
    """Domain -> addresses of its DNS servers."""


class DnsForwarding(pulumi.ComponentResource):
    """Owns the resolver, its outbound endpoint, the rule set and its link to the network. Output: `ruleset_id`."""

    def __init__(self, name: str, args: DnsForwardingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:DnsForwarding", name, None, opts)
        placement, child = args.placement, pulumi.ResourceOptions(parent=self)
        resolver = dnsresolver.DnsResolver(
            name,
            dns_resolver_name=placement.names.of(Kind.DNS_RESOLVER),
            resource_group_name=placement.resource_group,
            location=placement.location,
            virtual_network=dnsresolver.SubResourceArgs(id=args.virtual_network_id),
            tags=placement.tags,
            opts=child,
        )
        endpoint = dnsresolver.OutboundEndpoint(
            f"{name}-outbound",
            outbound_endpoint_name=placement.names.of(Kind.DNS_OUTBOUND_ENDPOINT),
            dns_resolver_name=resolver.name,
            resource_group_name=placement.resource_group,
            location=placement.location,
            subnet=dnsresolver.SubResourceArgs(id=args.subnet_id),
            tags=placement.tags,
            opts=child,
        )
        ruleset = dnsresolver.DnsForwardingRuleset(
            f"{name}-rules",
            dns_forwarding_ruleset_name=placement.names.of(Kind.DNS_RULESET),
            resource_group_name=placement.resource_group,
            location=placement.location,
            dns_resolver_outbound_endpoints=[dnsresolver.SubResourceArgs(id=endpoint.id)],
            tags=placement.tags,
            opts=child,
        )
        for domain, servers in args.zones.items():
            key = domain.replace(".", "-")
            dnsresolver.ForwardingRule(
                f"{name}-{key}",
                forwarding_rule_name=key,
                dns_forwarding_ruleset_name=ruleset.name,
                resource_group_name=placement.resource_group,
                domain_name=f"{domain}.",
                forwarding_rule_state="Enabled",
                target_dns_servers=[dnsresolver.TargetDnsServerArgs(ip_address=ip, port=53) for ip in servers],
                opts=child,
            )
        dnsresolver.PrivateResolverVirtualNetworkLink(
            f"{name}-link",
            virtual_network_link_name="ariel",
            dns_forwarding_ruleset_name=ruleset.name,
            resource_group_name=placement.resource_group,
            virtual_network=dnsresolver.SubResourceArgs(id=args.virtual_network_id),
            opts=child,
        )
        self.ruleset_id = ruleset.id
        self.register_outputs({"ruleset_id": self.ruleset_id})
