"""A Key Vault: role-based, reached by private endpoint only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault

from components.diagnostics import diagnose
from components.placement import Placement
from components.private_endpoint import EndpointNetwork, PrivateEndpoint, PrivateEndpointArgs
from components.role_assignment import assign_role
from stacks.naming import Kind


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may do what in the vault."""

    role: str
    principal_id: pulumi.Input[str]
    principal_type: str = "ServicePrincipal"


@dataclass(frozen=True, kw_only=True)
class VaultArgs:
    placement: Placement
    endpoint_placement: Placement
    """Where its endpoint stands: another resource group than that of a vault which outlives its tenant."""
    purpose: str
    access: Mapping[str, Access]
    """Permanent key -> access; one role assignment each, on this vault and nothing wider."""
    network: EndpointNetwork
    workspace_id: pulumi.Input[str]
    purge_protection: bool
    soft_delete_days: int
    protect: bool = False
    keep_on_removal: bool = False
    """Removing it from the program leaves it in Azure; adding it again adopts it."""


class Vault(pulumi.ComponentResource):
    """Owns the vault, its endpoint, its role assignments and diagnostics; never a secret in it.

    Outputs: `id`, `name`, `uri`.
    """

    def __init__(self, name: str, args: VaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Vault", name, None, opts)
        vault = keyvault.Vault(
            name,
            vault_name=args.placement.names.of(Kind.VAULT, args.purpose),
            resource_group_name=args.placement.resource_group,
            location=args.placement.location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=args.placement.tenant_id,
                sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=args.soft_delete_days,
                # Azure knows only on and never-again-off: false is refused, so it is left out.
                enable_purge_protection=True if args.purge_protection else None,
                public_network_access="Disabled",
                network_acls=keyvault.NetworkRuleSetArgs(bypass="None", default_action="Deny"),
            ),
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, retain_on_delete=args.keep_on_removal),
        )
        PrivateEndpoint(
            f"{name}-endpoint",
            PrivateEndpointArgs(
                placement=args.endpoint_placement,
                purpose=f"kv-{args.purpose}",
                target_id=vault.id,
                group_id="vault",
                network=args.network,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        for key, access in args.access.items():
            assign_role(
                f"{name}-{key}",
                placement=args.placement,
                role=access.role,
                scope=vault.id,
                principal_id=access.principal_id,
                principal_type=access.principal_type,
                parent=self,
            )
        diagnose(name, target_id=vault.id, workspace_id=args.workspace_id, parent=self)
        self.id = vault.id
        self.name = vault.name
        self.uri = vault.properties.vault_uri
        self.register_outputs({"id": self.id, "name": self.name, "uri": self.uri})
