"""Where one tenant's task logs go: a blob container that its own identities may write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

from components.placement import Placement
from components.role_assignment import assign_role


@dataclass(frozen=True, kw_only=True)
class LogContainerArgs:
    placement: Placement
    """Of the storage account."""
    account_name: pulumi.Input[str]
    container: str
    writers: Mapping[str, pulumi.Input[str]]
    """Permanent key -> object id of an identity which writes logs."""


class LogContainer(pulumi.ComponentResource):
    """Owns the container and the writers' roles on it, never wider. Outputs: `id`, `name`."""

    def __init__(self, name: str, args: LogContainerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:LogContainer", name, None, opts)
        container = storage.BlobContainer(
            name,
            container_name=args.container,
            account_name=args.account_name,
            resource_group_name=args.placement.resource_group,
            public_access=storage.PublicAccess.NONE,
            opts=pulumi.ResourceOptions(parent=self),
        )
        for key, principal_id in args.writers.items():
            assign_role(
                f"{name}-{key}",
                placement=args.placement,
                role="Storage Blob Data Contributor",
                scope=container.id,
                principal_id=principal_id,
                parent=self,
            )
        self.id = container.id
        self.name = container.name
        self.register_outputs({"id": self.id, "name": self.name})
