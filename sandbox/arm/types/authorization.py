"""Microsoft.Authorization: role definitions, role assignments, locks."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

from sandbox.arm.change import Change, Removal
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.paths import ResourceId, parse
from sandbox.arm.resource import Resource
from sandbox.arm.spec import Implicit, Location, Name, Scope, TypeSpec
from sandbox.arm.types.builtin_roles import BUILT_IN
from sandbox.arm.world import World

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
LOCK = "Microsoft.Authorization/locks"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"

GUID_NAME = Name(pattern=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", rule="a GUID.")
UPDATE_NOT_PERMITTED = Refusal(
    400,
    "RoleAssignmentUpdateNotPermitted",
    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
)


def role_guid(definition: str) -> str:
    return definition.rsplit("/", 1)[-1].lower()


def _grant(properties: dict[str, Any]) -> tuple[str, str]:
    """Who gets which role."""
    return properties["principalId"].lower(), role_guid(properties["roleDefinitionId"])


def _builtin_body(_: World, path: ResourceId) -> dict[str, Any] | None:
    role = BUILT_IN.get(path.name.lower())
    if role is None:
        return None
    return {
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "assignableScopes": ["/"],
            "permissions": [{"actions": list(role.actions), "notActions": [], "dataActions": list(role.data_actions)}],
        }
    }


def _custom(world: World, guid: str) -> Resource | None:
    return next((found for found in world.of_type(DEFINITION) if found.name.lower() == guid), None)


def permissions(world: World, guid: str) -> list[dict[str, Any]]:
    """Permission blocks of a role, built-in or custom; empty for an unknown one."""
    custom = _custom(world, guid)
    if custom is not None:
        return list(custom.properties["permissions"])
    role = BUILT_IN.get(guid)
    return [] if role is None else [{"actions": role.actions, "dataActions": role.data_actions}]


def may(world: World, principal: str, action: str, where: ResourceId) -> bool:
    """Whether role assignments at `where` or above let `principal` do `action` (control plane)."""
    for node in where.lineage():
        for assignment in world.children(node.key, ASSIGNMENT):
            if assignment.properties["principalId"].lower() != principal.lower():
                continue
            for block in permissions(world, role_guid(assignment.properties["roleDefinitionId"])):
                allowed = any(fnmatch(action.lower(), glob.lower()) for glob in block.get("actions") or ())
                denied = any(fnmatch(action.lower(), glob.lower()) for glob in block.get("notActions") or ())
                if allowed and not denied:
                    return True
    return False


def _role_is_known(change: Change) -> None:
    definition = change.get("properties.roleDefinitionId")
    path = parse(definition)
    if path.type.lower() != DEFINITION.lower():
        raise change.invalid(f"The role definition ID '{definition}' is not valid.", "InvalidRoleDefinitionId")
    if path.name.lower() not in BUILT_IN and _custom(change.world, path.name.lower()) is None:
        raise change.invalid(
            f"The specified role definition with ID '{path.name}' does not exist.", "RoleDefinitionDoesNotExist", 404
        )


def _nothing_is_updated(change: Change) -> None:
    """Also across scopes: the name of an assignment is unique in the tenant."""
    changed = change.before is not None and _grant(change.before.properties) != _grant(change.properties)
    same_name = [
        other
        for other in change.world.of_type(ASSIGNMENT)
        if other.name.lower() == change.name.lower() and other.key != change.id.key
    ]
    if same_name or changed:
        raise UPDATE_NOT_PERMITTED.error()


def _assignment_is_new(change: Change) -> None:
    for other in change.siblings():
        if _grant(other.properties) == _grant(change.properties):
            raise change.invalid(
                "The role assignment already exists. The ID of the existing role assignment is "
                f"{other.name.replace('-', '')}.",
                "RoleAssignmentExists",
                409,
            )


def _principal_is_known(change: Change) -> None:
    """Source: troubleshoot Azure RBAC, PrincipalNotFound: without principalType the directory is asked, and a new
    identity takes a while to be known everywhere; with principalType the check is left out."""
    principal, kind = change.get("properties.principalId").lower(), change.get("properties.principalType")
    identity = next(
        (found for found in change.world.of_type(IDENTITY) if found.properties["principalId"] == principal), None
    )
    if kind is not None:
        if identity is not None and kind.lower() != "serviceprincipal":
            raise change.invalid(
                f"The PrincipalId '{principal}' has type 'ServicePrincipal', which is different from specified "
                f"PrinciaplType '{kind}'.",
                "UnmatchedPrincipalType",
            )
        return
    age = None if identity is None else change.world.clock() - identity.created
    if age is None or age < change.world.limits.replication_seconds:
        raise change.invalid(
            f"Principal {principal.replace('-', '')} does not exist in the directory "
            f"{change.world.settings.tenant_id}. Check that you have the correct principal ID. If you are creating "
            "this principal and then immediately assigning a role, this error might be related to a replication "
            "delay. In this case, set the role assignment principalType property to a value, such as "
            "ServicePrincipal, User, or Group.",
            "PrincipalNotFound",
        )


def _room_is_left(change: Change) -> None:
    limit, own = change.world.limits.role_assignments, f"/subscriptions/{change.id.subscription}/".lower()
    count = sum(1 for other in change.world.of_type(ASSIGNMENT) if other.key.startswith(own))
    if change.before is None and count >= limit:
        raise change.invalid(
            f"No more role assignments can be created; the limit of {limit} per subscription is reached.",
            "RoleAssignmentLimitExceeded",
        )


def _assignment_outputs(change: Change) -> dict[str, Any]:
    scope = change.id.parent
    assert scope is not None
    return {
        "properties": {
            "scope": scope.text,
            "principalType": change.get("properties.principalType") or "ServicePrincipal",
        }
    }


def _custom_name_is_new(change: Change) -> None:
    wanted = change.get("properties.roleName").lower()
    names = [other.properties["roleName"] for other in change.world.of_type(DEFINITION) if other.key != change.id.key]
    names += [role.name for role in BUILT_IN.values()]
    if wanted in [name.lower() for name in names]:
        raise change.invalid(
            f"A custom role with the name '{change.get('properties.roleName')}' already exists in this directory.",
            "RoleDefinitionWithSameNameExists",
            409,
        )
    if change.name.lower() in BUILT_IN:
        raise change.invalid("A built-in role cannot be changed.", "RoleDefinitionUpdateNotPermitted", 403)


def _own_scope_is_assignable(change: Change) -> None:
    scopes = [scope.rstrip("/").lower() for scope in change.get("properties.assignableScopes")]
    if change.id.parent is not None and change.id.parent.key not in scopes:
        raise change.invalid(
            f"The scope '{change.id.parent.text}' is not among assignableScopes.", "InvalidRoleDefinitionScope"
        )


def _definition_is_unused(removal: Removal) -> None:
    guid = removal.target.name.lower()
    for assignment in removal.world.of_type(ASSIGNMENT):
        if role_guid(assignment.properties["roleDefinitionId"]) == guid:
            raise Refusal(
                400,
                "RoleDefinitionHasAssignments",
                "There are existing role assignments referencing role (code: {id}).",
            ).error(id=guid)


SPECS = (
    TypeSpec(
        type=ASSIGNMENT,
        source="Troubleshoot Azure RBAC; Azure RBAC limits (4,000 per subscription); facts-azure section A",
        api_versions=("2022-04-01",),
        name=GUID_NAME,
        scope=Scope.EXTENSION,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        invalid="InvalidRoleAssignment",
        fields=(
            Field("properties.principalId", kind="guid", required=True),
            Field("properties.roleDefinitionId", required=True),
            Field(
                "properties.principalType",
                one_of=("User", "Group", "ServicePrincipal", "ForeignGroup", "Device"),
            ),
            Field("properties.conditionVersion", one_of=("2.0",)),
        ),
        checks=(_role_is_known, _nothing_is_updated, _principal_is_known, _assignment_is_new, _room_is_left),
        outputs=_assignment_outputs,
    ),
    TypeSpec(
        type=DEFINITION,
        source="Azure custom roles documentation; built-in roles exist in every subscription",
        api_versions=("2022-05-01-preview", "2022-04-01"),
        name=GUID_NAME,
        scope=Scope.EXTENSION,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        invalid="InvalidRoleDefinition",
        fields=(
            Field("properties.roleName", required=True, between=(1, 512)),
            Field("properties.type", one_of=("CustomRole",), default="CustomRole"),
            Field("properties.permissions", kind="list", required=True, between=(1, 1)),
            Field("properties.assignableScopes", kind="list", required=True, between=(1, 2000)),
        ),
        checks=(_custom_name_is_new, _own_scope_is_assignable),
        delete_checks=(_definition_is_unused,),
        implicit=Implicit(names=lambda *_: sorted(BUILT_IN), body=_builtin_body),
    ),
    TypeSpec(
        type=LOCK,
        source="Lock your resources to protect your infrastructure (ARM); notes up to 512 characters",
        api_versions=("2020-05-01", "2016-09-01"),
        name=Name(pattern=r"[^<>%&\\?/]{1,260}", rule="1-260 characters without <>%&\\?/."),
        scope=Scope.EXTENSION,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        invalid="InvalidLock",
        fields=(
            Field("properties.level", required=True, one_of=("CanNotDelete", "ReadOnly")),
            Field("properties.notes", between=(0, 512)),
        ),
    ),
)
