"""The storage account of task logs: one container per tenant, opened by identity and never by key."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

from components.diagnostics import diagnose
from components.placement import Placement
from components.private_endpoint import EndpointNetwork, PrivateEndpoint, PrivateEndpointArgs
from stacks.naming import Kind

PLATFORM_CONTAINER = "platform"
"""Holds what belongs to no tenant; the API server looks there for a log whose tenant it cannot tell."""


@dataclass(frozen=True, kw_only=True)
class LogStorageArgs:
    placement: Placement
    network: EndpointNetwork
    workspace_id: pulumi.Input[str]
    retention_days: int
    """Age at which a log is deleted."""
    soft_delete_days: int
    """How long a deleted log, or the container of a removed tenant, can be brought back."""
    zone_redundant: bool
    protect: bool


class LogStorage(pulumi.ComponentResource):
    """Owns the account, its lifecycle rule, endpoint, diagnostics and one container; the tenants own theirs.

    Outputs: `id`, `account_name`, `blob_endpoint`.
    """

    def __init__(self, name: str, args: LogStorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:LogStorage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = storage.StorageAccount(
            name,
            account_name=args.placement.names.of(Kind.STORAGE_ACCOUNT, "logs"),
            resource_group_name=args.placement.resource_group,
            location=args.placement.location,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name="Standard_ZRS" if args.zone_redundant else "Standard_LRS"),
            access_tier=storage.AccessTier.HOT,
            allow_shared_key_access=False,
            default_to_o_auth_authentication=True,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            minimum_tls_version="TLS1_2",
            enable_https_traffic_only=True,
            public_network_access="Disabled",
            network_rule_set=storage.NetworkRuleSetArgs(bypass="None", default_action="Deny"),
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=args.soft_delete_days)
        storage.BlobServiceProperties(
            f"{name}-blobs",
            blob_services_name="default",
            account_name=account.name,
            resource_group_name=args.placement.resource_group,
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            opts=child,
        )
        storage.ManagementPolicy(
            f"{name}-lifecycle",
            management_policy_name="default",
            account_name=account.name,
            resource_group_name=args.placement.resource_group,
            policy=storage.ManagementPolicySchemaArgs(rules=[_delete_after(args.retention_days)]),
            opts=child,
        )
        storage.BlobContainer(
            f"{name}-platform",
            container_name=PLATFORM_CONTAINER,
            account_name=account.name,
            resource_group_name=args.placement.resource_group,
            public_access=storage.PublicAccess.NONE,
            opts=child,
        )
        PrivateEndpoint(
            f"{name}-endpoint",
            PrivateEndpointArgs(
                placement=args.placement,
                purpose="logs",
                target_id=account.id,
                group_id="blob",
                network=args.network,
            ),
            child,
        )
        diagnose(name, target_id=account.id, workspace_id=args.workspace_id, parent=self, all_logs=False)
        diagnose(
            f"{name}-blobs",
            target_id=pulumi.Output.concat(account.id, "/blobServices/default"),
            workspace_id=args.workspace_id,
            parent=self,
        )
        self.id = account.id
        self.account_name = account.name
        self.blob_endpoint = account.primary_endpoints.blob
        self.register_outputs({"id": self.id, "account_name": self.account_name, "blob_endpoint": self.blob_endpoint})


def _delete_after(days: int) -> storage.ManagementPolicyRuleArgs:
    return storage.ManagementPolicyRuleArgs(
        name="delete-old-logs",
        enabled=True,
        type=storage.RuleType.LIFECYCLE,
        definition=storage.ManagementPolicyDefinitionArgs(
            actions=storage.ManagementPolicyActionArgs(
                base_blob=storage.ManagementPolicyBaseBlobArgs(
                    delete=storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
                )
            ),
            filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob", "appendBlob"]),
        ),
    )
