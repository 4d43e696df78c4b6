"""A role on a scope for one identity, under a name that is the same in every run."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import authorization

from components.placement import Placement
from stacks import naming, roles


def assign_role(
    name: str,
    *,
    placement: Placement,
    role: str,
    scope: pulumi.Input[str],
    principal_id: pulumi.Input[str],
    parent: pulumi.Resource,
    principal_type: str = "ServicePrincipal",
) -> authorization.RoleAssignment:
    """Grants `role` (a name that `stacks.roles` knows) on the ARM id `scope`.

    The principal's type is always given: without it Azure looks the principal up in a directory where a fresh identity
    may not have arrived yet. Azure refuses to change an assignment, so every change deletes it first.
    """
    owner = f"{placement.subscription_id}/{placement.names.organisation}/{placement.names.stack}"
    return authorization.RoleAssignment(
        name,
        role_assignment_name=naming.role_assignment(owner, name, role),
        principal_id=principal_id,
        principal_type=principal_type,
        role_definition_id=roles.definition_id(placement.subscription_id, role),
        scope=scope,
        opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=True, replace_on_changes=["roleDefinitionId"]),
    )
