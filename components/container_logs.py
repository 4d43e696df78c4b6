"""What containers write to their output, collected from the cluster into the workspace."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor

from components.placement import Placement
from stacks.naming import Kind

STREAMS = ["Microsoft-ContainerLogV2", "Microsoft-KubeEvents"]


@dataclass(frozen=True, kw_only=True)
class ContainerLogsArgs:
    placement: Placement
    cluster_id: pulumi.Input[str]
    workspace_id: pulumi.Input[str]


class ContainerLogs(pulumi.ComponentResource):
    """Owns the data-collection rule and its association with the cluster. Output: `rule_id`."""

    def __init__(self, name: str, args: ContainerLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:ContainerLogs", name, None, opts)
        rule = monitor.DataCollectionRule(
            name,
            data_collection_rule_name=args.placement.names.of(Kind.DATA_COLLECTION_RULE, "containers"),
            resource_group_name=args.placement.resource_group,
            location=args.placement.location,
            kind="Linux",
            data_sources=monitor.DataCollectionRuleDataSourcesArgs(
                extensions=[
                    monitor.ExtensionDataSourceArgs(
                        name="containers",
                        extension_name="ContainerInsights",
                        streams=STREAMS,
                        extension_settings={
                            "dataCollectionSettings": {
                                "interval": "1m",
                                "namespaceFilteringMode": "Exclude",
                                "namespaces": ["kube-system", "gatekeeper-system"],
                                "enableContainerLogV2": True,
                            }
                        },
                    )
                ]
            ),
            destinations=monitor.DataCollectionRuleDestinationsArgs(
                log_analytics=[
                    monitor.LogAnalyticsDestinationArgs(name="workspace", workspace_resource_id=args.workspace_id)
                ]
            ),
            data_flows=[monitor.DataFlowArgs(streams=STREAMS, destinations=["workspace"])],
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        monitor.DataCollectionRuleAssociation(
            f"{name}-association",
            association_name="ContainerInsightsExtension",
            resource_uri=args.cluster_id,
            data_collection_rule_id=rule.id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.rule_id = rule.id
        self.register_outputs({"rule_id": self.rule_id})
