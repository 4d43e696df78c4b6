"""A user-assigned identity which pods of named service accounts can take on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import managedidentity

from components.placement import Placement
from stacks.naming import Kind

AUDIENCE = "api://AzureADTokenExchange"
"""The audience that Entra expects in a projected service-account token."""


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentityArgs:
    placement: Placement
    purpose: str
    issuer: pulumi.Input[str]
    """OIDC issuer of the cluster."""
    accounts: Mapping[str, str]
    """Short key -> `namespace:account` of each service account that may take on the identity."""


class WorkloadIdentity(pulumi.ComponentResource):
    """Owns the identity and its federated credentials; roles stand beside the resource that they open.

    Azure refuses two concurrent credential writes on one identity, hence the chain.
    Outputs: `id` (ARM id), `client_id`, `principal_id` (object id).
    """

    def __init__(self, name: str, args: WorkloadIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:WorkloadIdentity", name, None, opts)
        identity = managedidentity.UserAssignedIdentity(
            name,
            resource_name_=args.placement.names.of(Kind.IDENTITY, args.purpose),
            resource_group_name=args.placement.resource_group,
            location=args.placement.location,
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        previous: pulumi.Resource = identity
        for key, account in args.accounts.items():
            previous = managedidentity.FederatedIdentityCredential(
                f"{name}-{key}",
                federated_identity_credential_resource_name=key,
                resource_name_=identity.name,
                resource_group_name=args.placement.resource_group,
                issuer=args.issuer,
                subject=f"system:serviceaccount:{account}",
                audiences=[AUDIENCE],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[previous]),
            )
        self.id = identity.id
        self.client_id = identity.client_id
        self.principal_id = identity.principal_id
        self.register_outputs({"client_id": self.client_id, "principal_id": self.principal_id})
