"""Microsoft.Network: security groups, NAT gateways, public addresses, interfaces."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.spec import LONG_RUNNING, Busy, Reference, TypeSpec
from sandbox.arm.types.network import (
    ANOTHER_OPERATION,
    INTERFACE,
    NAT,
    NSG,
    PUBLIC_IP,
    SUBNET,
    VERSIONS,
    network_name,
)


def _rules_are_distinct(change: Change) -> None:
    """Source: SecurityRuleConflict: one priority per direction."""
    seen: dict[tuple[str, int], str] = {}
    for item in change.get("properties.securityRules") or []:
        spot = (item["properties"]["direction"].lower(), item["properties"]["priority"])
        if spot in seen:
            raise change.invalid(
                f"Security rule {item['name']} conflicts with rule {seen[spot]}. Rules cannot have the same Priority "
                "and Direction.",
                "SecurityRuleConflict",
            )
        seen[spot] = item["name"]


def _address_is_standard(change: Change) -> None:
    """Source: Basic public addresses were retired on 2025-09-30; StandardSkuPublicIPAddressesMustBeStatic."""
    if change.get("sku.name") != "Standard":
        raise change.invalid("Basic SKU public IP addresses can no longer be created.", "BasicSkuPublicIpRetired")
    if change.get("properties.publicIPAllocationMethod") != "Static":
        raise change.invalid(
            f"Standard sku publicIp {change.id.text} must have AllocationMethod set to Static.",
            "StandardSkuPublicIPAddressesMustBeStatic",
        )


def _public_address(change: Change) -> dict[str, Any]:
    """Addresses come from TEST-NET-3 (RFC 5737), which never reach anybody."""
    taken = {other.facts.get("address") for other in change.world.of_type(PUBLIC_IP) if other.key != change.id.key}
    free = next((str(one) for one in ip_network("203.0.113.0/24").hosts() if str(one) not in taken), None)
    if free is None:
        raise change.invalid("Cannot create more public IP addresses.", "PublicIPCountLimitReached")
    return {"properties": {"ipAddress": change.fact("address", free)}}


def _nat_addresses_fit(change: Change) -> None:
    """Source: NAT gateway resource: each address in one gateway only; all addresses here are Standard and static."""
    for item in change.get("properties.publicIpAddresses") or []:
        address = change.world.find(item["id"])
        assert address is not None
        others = [other for other in change.world.holders(address.key) if other.key != change.id.key]
        if others:
            raise change.invalid(f"Resource {address.id} is already used by {others[0].id}.", "PublicIPAddressInUse")


SPECS = (
    TypeSpec(
        type=NSG,
        source="Network security group documentation: priorities 100-4096, one per direction",
        api_versions=VERSIONS,
        name=network_name(),
        invalid="InvalidRequestFormat",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.securityRules[].name", required=True),
            Field("properties.securityRules[].properties", kind="object", required=True),
            Field("properties.securityRules[].properties.priority", kind="integer", required=True, between=(100, 4096)),
            Field("properties.securityRules[].properties.access", required=True, one_of=("Allow", "Deny")),
            Field("properties.securityRules[].properties.direction", required=True, one_of=("Inbound", "Outbound")),
            Field(
                "properties.securityRules[].properties.protocol",
                required=True,
                one_of=("Tcp", "Udp", "Icmp", "Esp", "Ah", "*"),
            ),
        ),
        checks=(_rules_are_distinct,),
        busy=Busy(key=lambda path: path.key, refusal=ANOTHER_OPERATION),
        in_use=Refusal(
            400,
            "InUseNetworkSecurityGroupCannotBeDeleted",
            "Network security group {id} cannot be deleted because it is in use by the following resources: {holder}.",
        ),
    ),
    TypeSpec(
        type=NAT,
        source="NAT gateway documentation; CannotDeleteNatGatewayAssociatedToSubnet as seen in issue trackers, 2025",
        api_versions=VERSIONS,
        name=network_name(),
        invalid="InvalidRequestFormat",
        long_running=LONG_RUNNING,
        fields=(
            Field("sku", kind="object", required=True),
            Field("sku.name", required=True, one_of=("Standard", "StandardV2")),
            Field("properties.idleTimeoutInMinutes", kind="integer", between=(4, 120), default=4),
            Field("zones", kind="list", between=(0, 1)),
        ),
        references=(Reference("properties.publicIpAddresses[].id", (PUBLIC_IP,), holds=True, settled=True),),
        checks=(_nat_addresses_fit,),
        outputs=lambda change: {"properties": {"resourceGuid": change.fact("resourceGuid")}},
        view=lambda world, nat: {
            "properties": {"subnets": [{"id": subnet.id} for subnet in world.holders(nat.key, SUBNET)]}
        },
        in_use=Refusal(
            400,
            "CannotDeleteNatGatewayAssociatedToSubnet",
            "NAT Gateway {id} is still configured on {holder}. Remove NAT Gateway from all referenced subnets and then "
            "delete NAT Gateway.",
        ),
    ),
    TypeSpec(
        type=PUBLIC_IP,
        source="Public IP address documentation; error codes of Microsoft.Network",
        api_versions=VERSIONS,
        name=network_name(),
        invalid="InvalidRequestFormat",
        long_running=LONG_RUNNING,
        fields=(
            Field("sku", kind="object", default={"name": "Standard", "tier": "Regional"}),
            Field("sku.name", one_of=("Standard", "Basic")),
            Field("sku.tier", one_of=("Regional", "Global"), default="Regional"),
            Field("properties.publicIPAllocationMethod", one_of=("Static", "Dynamic"), default="Dynamic"),
            Field("properties.publicIPAddressVersion", one_of=("IPv4", "IPv6"), default="IPv4"),
            Field("properties.idleTimeoutInMinutes", kind="integer", between=(4, 30), default=4),
        ),
        checks=(_address_is_standard,),
        outputs=_public_address,
        in_use=Refusal(
            400,
            "PublicIPAddressCannotBeDeleted",
            "Public IP address {id} can not be deleted since it is still allocated to resource {holder}.",
        ),
    ),
    TypeSpec(
        type=INTERFACE,
        source="Private endpoint documentation: the endpoint's interface is made and removed with it",
        api_versions=VERSIONS,
        name=network_name(120),
        writable=False,
    ),
)
