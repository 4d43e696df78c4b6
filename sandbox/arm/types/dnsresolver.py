"""Microsoft.Network DNS resolvers: outbound endpoints, forwarding rulesets, rules, links."""

from __future__ import annotations

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.spec import LONG_RUNNING, Location, Reference, Scope, TypeSpec
from sandbox.arm.types.network import SUBNET, VNET, delegated_to, network_name

VERSIONS = ("2023-07-01-preview", "2022-07-01", "2025-05-01")
RESOLVER = "Microsoft.Network/dnsResolvers"
OUTBOUND = "Microsoft.Network/dnsResolvers/outboundEndpoints"
RULESET = "Microsoft.Network/dnsForwardingRulesets"
RULE = "Microsoft.Network/dnsForwardingRulesets/forwardingRules"
LINK = "Microsoft.Network/dnsForwardingRulesets/virtualNetworkLinks"

SOURCE = "DNS Private Resolver documentation (overview, restrictions)"
FIXED = Refusal(400, "BadRequest", "'{path}' of '{name}' cannot be changed.")
NESTED = Refusal(
    409,
    "CannotDeleteResource",
    "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: '{child}'. "
    "Please delete all nested resources before deleting this resource.",
)


def _one_resolver_per_network(change: Change) -> None:
    network = change.get("properties.virtualNetwork.id").lower()
    for other in change.world.of_type(RESOLVER):
        if other.key != change.id.key and other.properties["virtualNetwork"]["id"].lower() == network:
            raise change.invalid(f"The virtual network {network} already has the resolver {other.id}.", "Conflict", 409)


def _subnet_is_its_own(change: Change) -> None:
    """A subnet delegated to Microsoft.Network/dnsResolvers, in the resolver's network, with one endpoint only."""
    subnet = change.world.find(change.get("properties.subnet.id"))
    assert subnet is not None
    network = change.parent().properties["virtualNetwork"]["id"].lower()
    owner = subnet.path.parent
    if owner is None or owner.key != network:
        raise change.invalid(f"Subnet {subnet.id} is not in the resolver's virtual network {network}.")
    if [service.lower() for service in delegated_to(subnet)] != ["microsoft.network/dnsresolvers"]:
        raise change.invalid(f"Subnet {subnet.id} must be delegated to Microsoft.Network/dnsResolvers.")
    if any(holder.key != change.id.key for holder in change.world.holders(subnet.key)):
        raise change.invalid(f"Subnet {subnet.id} already holds another resource.", "Conflict", 409)


def _domain_ends_with_a_dot(change: Change) -> None:
    if not change.get("properties.domainName").endswith("."):
        raise change.invalid("domainName must be a fully qualified name that ends with a dot.")


def _one_ruleset_per_network(change: Change) -> None:
    network = change.get("properties.virtualNetwork.id").lower()
    for other in change.world.of_type(LINK):
        if other.key != change.id.key and other.properties["virtualNetwork"]["id"].lower() == network:
            raise change.invalid(f"The virtual network {network} is already linked by {other.id}.", "Conflict", 409)


SPECS = (
    TypeSpec(
        type=RESOLVER,
        source=SOURCE,
        api_versions=VERSIONS,
        name=network_name(),
        invalid="BadRequest",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.virtualNetwork", kind="object", required=True),
            Field("properties.virtualNetwork.id", required=True, fixed=FIXED),
        ),
        references=(Reference("properties.virtualNetwork.id", (VNET,), holds=True),),
        checks=(_one_resolver_per_network,),
        outputs=lambda change: {"properties": {"resourceGuid": change.fact("resourceGuid")}},
        view=lambda *_: {"properties": {"dnsResolverState": "Connected"}},
        nested=NESTED,
    ),
    TypeSpec(
        type=OUTBOUND,
        source=SOURCE,
        api_versions=VERSIONS,
        name=network_name(),
        scope=Scope.CHILD,
        invalid="BadRequest",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.subnet", kind="object", required=True),
            Field("properties.subnet.id", required=True, fixed=FIXED),
        ),
        references=(Reference("properties.subnet.id", (SUBNET,), holds=True, settled=True),),
        checks=(_subnet_is_its_own,),
        outputs=lambda change: {"properties": {"resourceGuid": change.fact("resourceGuid")}},
    ),
    TypeSpec(
        type=RULESET,
        source=SOURCE,
        api_versions=VERSIONS,
        name=network_name(),
        invalid="BadRequest",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.dnsResolverOutboundEndpoints", kind="list", required=True, between=(1, 2)),
            Field("properties.dnsResolverOutboundEndpoints[].id", required=True),
        ),
        references=(Reference("properties.dnsResolverOutboundEndpoints[].id", (OUTBOUND,), holds=True, settled=True),),
        outputs=lambda change: {"properties": {"resourceGuid": change.fact("resourceGuid")}},
        nested=NESTED,
    ),
    TypeSpec(
        type=RULE,
        source=SOURCE,
        api_versions=VERSIONS,
        name=network_name(),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        invalid="BadRequest",
        fields=(
            Field("properties.domainName", required=True, between=(2, 253), fixed=FIXED),
            Field("properties.targetDnsServers", kind="list", required=True, between=(1, 6)),
            Field("properties.targetDnsServers[].ipAddress", kind="address", required=True),
            Field("properties.targetDnsServers[].port", kind="integer", between=(1, 65535)),
            Field("properties.forwardingRuleState", one_of=("Enabled", "Disabled"), default="Enabled"),
            Field("properties.metadata", kind="object"),
        ),
        checks=(_domain_ends_with_a_dot,),
    ),
    TypeSpec(
        type=LINK,
        source=SOURCE,
        api_versions=VERSIONS,
        name=network_name(),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        invalid="BadRequest",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.virtualNetwork", kind="object", required=True),
            Field("properties.virtualNetwork.id", required=True, fixed=FIXED),
        ),
        references=(Reference("properties.virtualNetwork.id", (VNET,), holds=True),),
        checks=(_one_ruleset_per_network,),
    ),
)
