"""Where the Azure resources of a component go and what they are called and tagged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi

from stacks.naming import Names


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Shared by all Azure components; only the resource group differs between them."""

    names: Names
    subscription_id: str
    tenant_id: str
    location: str
    resource_group: pulumi.Input[str]
    """Name of the resource group."""
    tags: Mapping[str, str]

    def tagged(self, **more: str) -> Placement:
        """The same place with further tags."""
        return replace(self, tags={**self.tags, **more})
