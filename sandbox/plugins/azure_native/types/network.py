"""Virtual networks and what hangs on them."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_NETWORK = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network"
_VERSION = "2024-05-01"
_CHILD = words("id name type etag")

ROWS = (
    ResourceType(
        type="azure-native:network:VirtualNetwork",
        api_version=_VERSION,
        path=_NETWORK + "/virtualNetworks/{virtualNetworkName}",
        envelope=words("extendedLocation id location tags"),
        properties=words(
            "addressSpace bgpCommunities ddosProtectionPlan dhcpOptions enableDdosProtection enableVmProtection"
            " encryption flowTimeoutInMinutes ipAllocations privateEndpointVNetPolicies subnets virtualNetworkPeerings"
        ),
        nested={
            "subnets": _CHILD,
            "subnets.delegations": _CHILD,
            "subnets.ipConfigurations": _CHILD,
            "virtualNetworkPeerings": _CHILD,
        },
        shared=words("subnets virtualNetworkPeerings"),
    ),
    ResourceType(
        type="azure-native:network:Subnet",
        api_version=_VERSION,
        path=_NETWORK + "/virtualNetworks/{virtualNetworkName}/subnets/{subnetName}",
        envelope=words("id name type"),
        properties=words(
            "addressPrefix addressPrefixes applicationGatewayIPConfigurations defaultOutboundAccess delegations"
            " ipAllocations ipamPoolPrefixAllocations natGateway networkSecurityGroup privateEndpointNetworkPolicies"
            " privateLinkServiceNetworkPolicies routeTable serviceEndpointPolicies serviceEndpoints sharingScope"
        ),
        nested={"delegations": _CHILD, "applicationGatewayIPConfigurations": _CHILD, "ipConfigurations": _CHILD},
    ),
    ResourceType(
        type="azure-native:network:NetworkSecurityGroup",
        api_version=_VERSION,
        path=_NETWORK + "/networkSecurityGroups/{networkSecurityGroupName}",
        envelope=words("id location tags"),
        properties=words("flushConnection securityRules"),
        nested={"securityRules": _CHILD, "defaultSecurityRules": _CHILD},
    ),
    ResourceType(
        type="azure-native:network:NatGateway",
        api_version=_VERSION,
        path=_NETWORK + "/natGateways/{natGatewayName}",
        envelope=words("id location sku tags zones"),
        properties=words("idleTimeoutInMinutes publicIpAddresses publicIpPrefixes"),
    ),
    ResourceType(
        type="azure-native:network:PublicIPAddress",
        api_version=_VERSION,
        path=_NETWORK + "/publicIPAddresses/{publicIpAddressName}",
        envelope=words("extendedLocation id location sku tags zones"),
        properties=words(
            "ddosSettings deleteOption dnsSettings idleTimeoutInMinutes ipAddress ipTags linkedPublicIPAddress"
            " migrationPhase natGateway publicIPAddressVersion publicIPAllocationMethod publicIPPrefix"
            " servicePublicIPAddress"
        ),
        force_new=words("publicIPAddressVersion publicIPPrefix sku"),
    ),
    ResourceType(
        type="azure-native:network:PrivateEndpoint",
        api_version=_VERSION,
        path=_NETWORK + "/privateEndpoints/{privateEndpointName}",
        envelope=words("extendedLocation id location tags"),
        properties=words(
            "applicationSecurityGroups customDnsConfigs customNetworkInterfaceName ipConfigurations"
            " manualPrivateLinkServiceConnections privateLinkServiceConnections subnet"
        ),
        force_new=words("subnet"),
        nested={
            "ipConfigurations": _CHILD,
            "manualPrivateLinkServiceConnections": _CHILD,
            "privateLinkServiceConnections": _CHILD,
        },
    ),
    ResourceType(
        type="azure-native:network:PrivateDnsZoneGroup",
        api_version=_VERSION,
        path=_NETWORK + "/privateEndpoints/{privateEndpointName}/privateDnsZoneGroups/{privateDnsZoneGroupName}",
        envelope=words("id name"),
        properties=words("privateDnsZoneConfigs"),
        nested={"privateDnsZoneConfigs": words("name")},
    ),
    ResourceType(
        type="azure-native:network:VirtualNetworkPeering",
        api_version=_VERSION,
        path=_NETWORK + "/virtualNetworks/{virtualNetworkName}/virtualNetworkPeerings/{virtualNetworkPeeringName}",
        envelope=words("id name type"),
        properties=words(
            "allowForwardedTraffic allowGatewayTransit allowVirtualNetworkAccess doNotVerifyRemoteGateways"
            " enableOnlyIPv6Peering localAddressSpace localSubnetNames localVirtualNetworkAddressSpace"
            " peerCompleteVnets peeringState peeringSyncLevel remoteAddressSpace remoteBgpCommunities"
            " remoteSubnetNames remoteVirtualNetwork remoteVirtualNetworkAddressSpace syncRemoteAddressSpace"
            " useRemoteGateways"
        ),
    ),
)
