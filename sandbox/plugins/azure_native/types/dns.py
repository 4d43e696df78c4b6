"""Private DNS zones and the DNS resolver."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_NETWORK = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network"
_RULESET = _NETWORK + "/dnsForwardingRulesets/{dnsForwardingRulesetName}"
_RESOLVER_VERSION = "2023-07-01-preview"

ROWS = (
    ResourceType(
        type="azure-native:privatedns:PrivateZone",
        api_version="2024-06-01",
        path=_NETWORK + "/privateDnsZones/{privateZoneName}",
        envelope=words("location tags"),
    ),
    ResourceType(
        type="azure-native:privatedns:VirtualNetworkLink",
        api_version="2024-06-01",
        path=_NETWORK + "/privateDnsZones/{privateZoneName}/virtualNetworkLinks/{virtualNetworkLinkName}",
        envelope=words("location tags"),
        properties=words("registrationEnabled resolutionPolicy virtualNetwork"),
    ),
    ResourceType(
        type="azure-native:dnsresolver:DnsResolver",
        api_version=_RESOLVER_VERSION,
        path=_NETWORK + "/dnsResolvers/{dnsResolverName}",
        envelope=words("location tags"),
        properties=words("virtualNetwork"),
        required=words("virtualNetwork"),
    ),
    ResourceType(
        type="azure-native:dnsresolver:OutboundEndpoint",
        api_version=_RESOLVER_VERSION,
        path=_NETWORK + "/dnsResolvers/{dnsResolverName}/outboundEndpoints/{outboundEndpointName}",
        envelope=words("location tags"),
        properties=words("subnet"),
        required=words("subnet"),
    ),
    ResourceType(
        type="azure-native:dnsresolver:DnsForwardingRuleset",
        api_version=_RESOLVER_VERSION,
        path=_RULESET,
        envelope=words("location tags"),
        properties=words("dnsResolverOutboundEndpoints"),
        required=words("dnsResolverOutboundEndpoints"),
    ),
    ResourceType(
        type="azure-native:dnsresolver:ForwardingRule",
        api_version=_RESOLVER_VERSION,
        path=_RULESET + "/forwardingRules/{forwardingRuleName}",
        properties=words("domainName forwardingRuleState metadata targetDnsServers"),
        required=words("domainName targetDnsServers"),
    ),
    ResourceType(
        type="azure-native:dnsresolver:PrivateResolverVirtualNetworkLink",
        api_version=_RESOLVER_VERSION,
        path=_RULESET + "/virtualNetworkLinks/{virtualNetworkLinkName}",
        properties=words("metadata virtualNetwork"),
        required=words("virtualNetwork"),
    ),
)
