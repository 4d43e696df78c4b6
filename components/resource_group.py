"""A resource group: the border of one lifetime and of the role assignments made on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pulumi
from pulumi_azure_native import resources

from components.placement import Placement
from stacks.naming import Kind


@dataclass(frozen=True, kw_only=True)
class ResourceGroupArgs:
    placement: Placement
    """Its `resource_group` is not used."""
    purpose: str
    protect: bool = False
    """The engine refuses to delete it. No Azure lock: one on a group also holds every role assignment inside."""


class ResourceGroup(pulumi.ComponentResource):
    """Owns a resource group; not what stands inside.

    Outputs: `id` of the group, `placement` for what goes into it.
    """

    def __init__(self, name: str, args: ResourceGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:ResourceGroup", name, None, opts)
        group = resources.ResourceGroup(
            name,
            resource_group_name=args.placement.names.of(Kind.RESOURCE_GROUP, args.purpose),
            location=args.placement.location,
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.id = group.id
        self.placement = replace(args.placement, resource_group=group.name)
        self.register_outputs({"id": self.id})
