"""Microsoft.Network: virtual networks, subnets, peerings, and what all of Microsoft.Network shares."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from sandbox.arm.change import Change, Removal
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.paths import ResourceId
from sandbox.arm.resource import Resource
from sandbox.arm.spec import LONG_RUNNING, Busy, Location, Name, Reference, Scope, TypeSpec
from sandbox.arm.world import World

VERSIONS = ("2024-05-01", "2023-11-01", "2024-07-01", "2024-10-01", "2025-01-01")

VNET = "Microsoft.Network/virtualNetworks"
SUBNET = "Microsoft.Network/virtualNetworks/subnets"
PEERING = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
NSG = "Microsoft.Network/networkSecurityGroups"
NAT = "Microsoft.Network/natGateways"
PUBLIC_IP = "Microsoft.Network/publicIPAddresses"
INTERFACE = "Microsoft.Network/networkInterfaces"

NETWORK_IN_USE = Refusal(400, "InUseVirtualNetworkCannotBeDeleted", "{id} is in use by {holder} and cannot be deleted.")
AZURE_RESERVED = 4
"""Azure keeps the first four addresses (network, gateway, two for DNS) and the last one of every subnet."""

ANOTHER_OPERATION = Refusal(
    429,
    "AnotherOperationInProgress",
    "Another operation on this or dependent resource is in progress: {key}.",
    retry_after=1,
)
DELEGATION_SERVICES = (
    "Microsoft.DBforPostgreSQL/flexibleServers",
    "Microsoft.DBforMySQL/flexibleServers",
    "Microsoft.ContainerInstance/containerGroups",
    "Microsoft.ContainerService/managedClusters",
    "Microsoft.Network/dnsResolvers",
    "Microsoft.Web/serverFarms",
    "Microsoft.App/environments",
    "Microsoft.Netapp/volumes",
)


def network_name(longest: int = 80) -> Name:
    """Source: Azure resource naming rules, Microsoft.Network."""
    return Name(
        pattern=rf"[A-Za-z0-9]([\w.-]{{0,{longest - 2}}}\w)?",
        rule=f"1-{longest} letters, digits, . _ -, first a letter or digit, last a letter, digit or _.",
    )


def vnet_of(path: ResourceId) -> str:
    """The key of the virtual network that a subnet or peering belongs to."""
    for node in path.lineage():
        if node.type.lower() == VNET.lower():
            return node.key
    return path.key


ONE_WRITE_PER_VNET = Busy(key=vnet_of, refusal=ANOTHER_OPERATION)


def prefixes_of(properties: dict[str, Any]) -> list[str]:
    """Address prefixes of a subnet, given as one or as a list."""
    one, many = properties.get("addressPrefix"), properties.get("addressPrefixes")
    return list(many) if many else [one] if one else []


def networks(prefixes: list[str]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(prefix, strict=False) for prefix in prefixes]


def contains(outer: list[str], inner: list[str]) -> bool:
    """True when every inner prefix lies in one of the outer ones."""
    spaces = networks(outer)
    return all(
        any(space.version == net.version and net.subnet_of(space) for space in spaces)  # type: ignore[arg-type]
        for net in networks(inner)
    )


def overlap(left: list[str], right: list[str]) -> bool:
    return any(a.overlaps(b) for a in networks(left) for b in networks(right))


def space_of(vnet: Resource) -> list[str]:
    return list(vnet.properties["addressSpace"]["addressPrefixes"])


def canonical(change: Change, prefixes: list[str]) -> None:
    """Source: InvalidCIDRNotation: a prefix has no host bits."""
    for prefix in prefixes:
        if str(ip_network(prefix, strict=False)) != prefix.lower():
            raise change.invalid(
                f"The address prefix {prefix} in resource {change.id.text} has an invalid CIDR notation. "
                f"For the given prefix length, the address prefix should be {ip_network(prefix, strict=False)}.",
                "InvalidCIDRNotation",
            )


def _space_is_sound(change: Change) -> None:
    prefixes = change.get("properties.addressSpace.addressPrefixes")
    canonical(change, prefixes)
    if any(overlap([prefix], prefixes[i + 1 :]) for i, prefix in enumerate(prefixes)):
        raise change.invalid(f"Address prefixes {prefixes} overlap.", "VnetAddressSpaceOverlapWithinSameVnet")
    for subnet in change.world.children(change.id.key, SUBNET):
        if not contains(prefixes, prefixes_of(subnet.properties)):
            raise change.invalid(
                f"IP address prefix of subnet {subnet.id} is in use and cannot be deleted from {change.id.text}.",
                "InUsePrefixCannotBeDeleted",
            )


def _no_inline_subnets(change: Change) -> None:
    """Subnets come as resources of their own; a list read back from a GET may be sent again."""
    standing = {subnet.name for subnet in change.world.children(change.id.key, SUBNET)}
    inline = {item.get("name") for item in change.properties.pop("subnets", None) or []}
    if inline - standing:
        raise change.invalid(
            f"Subnets {sorted(inline - standing)} are inline; the sandbox takes subnets as resources only.",
            "InlineSubnetsNotModelled",
        )


def _vnet_view(world: World, vnet: Resource) -> dict[str, Any]:
    subnets = [
        {"id": child.id, "name": child.name, "properties": child.properties}
        for child in world.children(vnet.key, SUBNET)
    ]
    peerings = [{"id": child.id, "name": child.name} for child in world.children(vnet.key, PEERING)]
    return {"properties": {"subnets": subnets, "virtualNetworkPeerings": peerings}}


def _range_fits(change: Change) -> None:
    """Source: NetcfgInvalidSubnet, NetcfgSubnetRangesOverlap; at least /29 (VNet FAQ)."""
    prefixes, vnet = prefixes_of(change.properties), change.parent()
    if not prefixes:
        raise change.invalid("A subnet needs addressPrefix or addressPrefixes.", "InvalidRequestFormat")
    canonical(change, prefixes)
    small = [prefix for prefix in prefixes if ip_network(prefix).version == 4 and ip_network(prefix).prefixlen > 29]
    if small or not contains(space_of(vnet), prefixes):
        raise change.invalid(
            f"Subnet '{change.name}' is not valid in virtual network '{vnet.name}': {prefixes}.", "NetcfgInvalidSubnet"
        )
    for other in change.siblings():
        if overlap(prefixes, prefixes_of(other.properties)):
            raise change.invalid(
                f"Subnet '{change.name}' is not valid because its IP address range overlaps with that of an existing "
                f"subnet '{other.name}' in virtual network '{vnet.name}'.",
                "NetcfgSubnetRangesOverlap",
            )


def _used_subnet_keeps_its_shape(change: Change) -> None:
    users = change.world.holders(change.id.key)
    if change.before is None or not users:
        return
    if prefixes_of(change.before.properties) != prefixes_of(change.properties):
        raise change.invalid(
            f"Subnet {change.name} is in use by {users[0].id} and cannot be updated.", "InUseSubnetCannotBeUpdated"
        )
    services = [
        [item.get("properties", {}).get("serviceName") or item.get("serviceName") for item in properties or []]
        for properties in (change.before.properties.get("delegations"), change.properties.get("delegations"))
    ]
    if services[0] != services[1]:
        raise change.invalid(
            f"Delegations of subnet {change.id.text} cannot be changed from {services[0]} to {services[1]} because it "
            f"is being used by the resource {users[0].id}.",
            "SubnetDelegationsCannotChangeWhenSubnetUsedByResource",
        )


def _delegations_are_known(change: Change) -> None:
    known = [service.lower() for service in DELEGATION_SERVICES]
    for item in change.get("properties.delegations") or []:
        service = item["properties"]["serviceName"]
        if service.lower() not in known:
            raise change.invalid(
                f"The service name {service} on delegation {change.id.text}/delegations/{item['name']} is not "
                f"valid. Valid value(s) are: {','.join(DELEGATION_SERVICES)}.",
                "InvalidServiceNameOnDelegation",
            )


def delegated_to(subnet: Resource) -> list[str]:
    return [item["properties"]["serviceName"] for item in subnet.properties.get("delegations") or []]


def allocate(change: Change, subnet: Resource) -> str:
    """The first free address of the subnet; kept for the life of the resource that takes it. Raises SubnetIsFull."""
    if "address" in change.facts:
        return str(change.facts["address"])
    net = ip_network(prefixes_of(subnet.properties)[0])
    taken = {holder.facts.get("address") for holder in change.world.holders(subnet.key)}
    for offset in range(AZURE_RESERVED, net.num_addresses - 1):
        if str(net[offset]) not in taken:
            return str(change.fact("address", str(net[offset])))
    raise change.invalid(
        f"Subnet {subnet.id} with address prefix {net} does not have enough capacity for 1 IP address.", "SubnetIsFull"
    )


def _peering_spaces_differ(change: Change) -> None:
    """Source: VnetAddressSpacesOverlap."""
    remote = change.world.find(change.get("properties.remoteVirtualNetwork.id"))
    own = change.parent()
    assert remote is not None
    if remote.key == own.key or overlap(space_of(own), space_of(remote)):
        raise change.invalid(
            f"Cannot create or update peering {change.id.text}. Virtual networks {own.id} and {remote.id} cannot be "
            "peered because their address spaces overlap.",
            "VnetAddressSpacesOverlap",
        )


def _peerings_go_first(removal: Removal) -> None:
    """Source: virtual network documentation, delete a virtual network: remove its peerings first."""
    for peering in removal.world.children(removal.target.key, PEERING):
        raise NETWORK_IN_USE.error(id=removal.target.id, holder=peering.id)


def _peering_view(world: World, peering: Resource) -> dict[str, Any]:
    """A peering is connected when the other side points back."""
    own = peering.path.parent
    remote = peering.properties["remoteVirtualNetwork"]["id"].lower()
    assert own is not None
    back = [
        other
        for other in world.children(remote, PEERING)
        if other.properties["remoteVirtualNetwork"]["id"].lower() == own.key
    ]
    return {"properties": {"peeringState": "Connected" if back else "Initiated"}}


SPECS = (
    TypeSpec(
        type=VNET,
        source="Virtual network documentation and FAQ; error codes of Microsoft.Network",
        api_versions=VERSIONS,
        name=network_name(64),
        invalid="InvalidRequestFormat",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.addressSpace", kind="object", required=True),
            Field("properties.addressSpace.addressPrefixes", kind="list", required=True, between=(1, 1000)),
            Field("properties.addressSpace.addressPrefixes[]", kind="cidr"),
            Field("properties.dhcpOptions.dnsServers[]", kind="address"),
            Field("properties.encryption.enabled", kind="boolean", required=True),
            Field("properties.enableDdosProtection", kind="boolean"),
        ),
        checks=(_space_is_sound, _no_inline_subnets),
        outputs=lambda change: {"properties": {"resourceGuid": change.fact("resourceGuid")}},
        view=_vnet_view,
        busy=ONE_WRITE_PER_VNET,
        delete_checks=(_peerings_go_first,),
        in_use=NETWORK_IN_USE,
    ),
    TypeSpec(
        type=SUBNET,
        source="Virtual network documentation, subnet delegation; error codes of Microsoft.Network",
        api_versions=VERSIONS,
        name=network_name(),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        invalid="InvalidRequestFormat",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.addressPrefix", kind="cidr"),
            Field("properties.addressPrefixes[]", kind="cidr"),
            Field("properties.delegations[].name", required=True),
            Field("properties.delegations[].properties", kind="object", required=True),
            Field("properties.delegations[].properties.serviceName", required=True),
            Field("properties.delegations", kind="list", between=(0, 1)),
            Field("properties.defaultOutboundAccess", kind="boolean"),
            Field("properties.serviceEndpoints[].service", required=True),
            Field(
                "properties.privateEndpointNetworkPolicies",
                one_of=("Enabled", "Disabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"),
                default="Disabled",
            ),
            Field("properties.privateLinkServiceNetworkPolicies", one_of=("Enabled", "Disabled"), default="Enabled"),
        ),
        references=(
            Reference("properties.networkSecurityGroup.id", (NSG,), holds=True, settled=True),
            Reference("properties.natGateway.id", (NAT,), holds=True, settled=True),
        ),
        checks=(_delegations_are_known, _range_fits, _used_subnet_keeps_its_shape),
        busy=ONE_WRITE_PER_VNET,
        parent_busy=ANOTHER_OPERATION,
        in_use=Refusal(
            400,
            "InUseSubnetCannotBeDeleted",
            "Subnet {name} is in use by {holder} and cannot be deleted. In order to delete the subnet, delete all the "
            "resources within the subnet.",
        ),
    ),
    TypeSpec(
        type=PEERING,
        source="Virtual network peering documentation; error codes of Microsoft.Network",
        api_versions=VERSIONS,
        name=network_name(),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        invalid="InvalidRequestFormat",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.remoteVirtualNetwork", kind="object", required=True),
            Field("properties.remoteVirtualNetwork.id", required=True),
            Field("properties.allowVirtualNetworkAccess", kind="boolean", default=True),
            Field("properties.allowForwardedTraffic", kind="boolean", default=False),
            Field("properties.allowGatewayTransit", kind="boolean", default=False),
            Field("properties.useRemoteGateways", kind="boolean", default=False),
        ),
        references=(Reference("properties.remoteVirtualNetwork.id", (VNET,), holds=True, settled=True),),
        checks=(_peering_spaces_differ,),
        view=_peering_view,
        busy=ONE_WRITE_PER_VNET,
        parent_busy=ANOTHER_OPERATION,
    ),
)
