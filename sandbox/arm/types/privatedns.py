"""Microsoft.Network/privateDnsZones: zones, links to virtual networks, the records that endpoints register."""

from __future__ import annotations

from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.resource import Resource
from sandbox.arm.spec import LONG_RUNNING, Location, Name, Reference, Scope, TypeSpec
from sandbox.arm.types.network import VNET, network_name
from sandbox.arm.world import World

VERSIONS = ("2024-06-01", "2020-06-01")
ZONE = "Microsoft.Network/privateDnsZones"
LINK = "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
A_RECORD = "Microsoft.Network/privateDnsZones/A"

RESERVED_ZONES = ("azure.com", "azure.net", "azurewebsites.net", "windows.net", "microsoft.com", "trafficmanager.net")
"""Zone names that Azure keeps for itself. Source: private DNS zones overview, restrictions."""


def _name_is_allowed(change: Change) -> None:
    if change.name.lower() in RESERVED_ZONES:
        raise change.invalid(f"The zone name '{change.name}' is reserved.", "ReservedZoneName")


def _zone_view(world: World, zone: Resource) -> dict[str, Any]:
    return {
        "properties": {
            "numberOfRecordSets": 1 + len(world.children(zone.key, A_RECORD)),
            "numberOfVirtualNetworkLinks": len(world.children(zone.key, LINK)),
        }
    }


def _one_link_per_network(change: Change) -> None:
    """Source: a network is linked to a zone once, and registers in one zone only (private DNS zones, limits)."""
    wanted = change.get("properties.virtualNetwork.id").lower()
    for other in change.siblings():
        if other.properties["virtualNetwork"]["id"].lower() == wanted:
            raise change.invalid(
                f"A virtual network cannot be linked to multiple zones with overlapping namespaces: {wanted} is linked "
                f"by {other.id}.",
                "BadRequest",
                409,
            )


SPECS = (
    TypeSpec(
        type=ZONE,
        source="Private DNS documentation; CannotDeleteResource as seen in issue trackers, 2026",
        api_versions=VERSIONS,
        name=Name(
            pattern=r"(?=.{3,253}$)[A-Za-z0-9_]([\w-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([\w-]{0,61}[A-Za-z0-9_])?)+",
            rule="2 to 34 labels of 1-63 letters, digits, _ and -.",
        ),
        location=Location.GLOBAL,
        invalid="BadRequest",
        long_running=LONG_RUNNING,
        checks=(_name_is_allowed,),
        view=_zone_view,
        nested=Refusal(
            409,
            "CannotDeleteResource",
            "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: "
            "'{child}'. Please delete all nested resources before deleting this resource.",
        ),
    ),
    TypeSpec(
        type=LINK,
        source="Private DNS documentation, virtual network links",
        api_versions=VERSIONS,
        name=network_name(),
        scope=Scope.CHILD,
        location=Location.GLOBAL,
        invalid="BadRequest",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.virtualNetwork", kind="object", required=True),
            Field(
                "properties.virtualNetwork.id",
                required=True,
                fixed=Refusal(400, "BadRequest", "The virtual network of link {name} cannot be changed."),
            ),
            Field("properties.registrationEnabled", kind="boolean", default=False),
            Field("properties.resolutionPolicy", one_of=("Default", "NxDomainRedirect")),
        ),
        references=(Reference("properties.virtualNetwork.id", (VNET,), holds=True),),
        checks=(_one_link_per_network,),
        view=lambda *_: {"properties": {"virtualNetworkLinkState": "Completed"}},
    ),
    TypeSpec(
        type=A_RECORD,
        source="Private DNS documentation; here only the records that zone groups register",
        api_versions=VERSIONS,
        name=Name(pattern=r"[\w@*][\w.*-]{0,252}", rule="a relative record name."),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        writable=False,
    ),
)
