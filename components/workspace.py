"""The Log Analytics workspace to which every resource of the stack sends its logs and metrics."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import operationalinsights

from components.diagnostics import diagnose
from components.placement import Placement
from stacks.naming import Kind


@dataclass(frozen=True, kw_only=True)
class WorkspaceArgs:
    placement: Placement
    retention_days: int


class Workspace(pulumi.ComponentResource):
    """Owns the workspace and its own audit log; not the settings that send to it. Output: `id`."""

    def __init__(self, name: str, args: WorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Workspace", name, None, opts)
        workspace = operationalinsights.Workspace(
            name,
            workspace_name=args.placement.names.of(Kind.WORKSPACE),
            resource_group_name=args.placement.resource_group,
            location=args.placement.location,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=args.retention_days,
            features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True),
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        diagnose(name, target_id=workspace.id, workspace_id=workspace.id, parent=self)
        self.id = workspace.id
        self.register_outputs({"id": self.id})
