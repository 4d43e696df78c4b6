"""A private DNS zone, linked to the stack's network so that its names resolve there."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import privatedns

from components.placement import Placement


@dataclass(frozen=True, kw_only=True)
class PrivateZoneArgs:
    placement: Placement
    zone: str
    """Fully qualified name of the zone, without a dot at the end."""
    virtual_network_id: pulumi.Input[str]


class PrivateZone(pulumi.ComponentResource):
    """Owns the zone and its link; records are written by the endpoints. Outputs: `id`, `linked` (id, once linked)."""

    def __init__(self, name: str, args: PrivateZoneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:PrivateZone", name, None, opts)
        zone = privatedns.PrivateZone(
            name,
            private_zone_name=args.zone,
            resource_group_name=args.placement.resource_group,
            location="global",
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        link = privatedns.VirtualNetworkLink(
            f"{name}-link",
            virtual_network_link_name="ariel",
            private_zone_name=zone.name,
            resource_group_name=args.placement.resource_group,
            location="global",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=args.virtual_network_id),
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.id = zone.id
        self.linked = pulumi.Output.all(zone.id, link.id).apply(lambda ids: ids[0])
        self.register_outputs({"id": self.id})
