"""Role assignments: one role, one principal, one resource; nobody reaches what is another's."""

from __future__ import annotations

import re
from typing import Final

from stacks import roles
from tests.graph_rules.subjects import Rule, owner, principals, some
from tests.harness import Graph, Recorded

_RESOURCE = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/(?P<type>[^/]+/[^/]+)/[^/]+(/.+)?", re.IGNORECASE
)
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_NAME_OF: Final = {definition: name for name, definition in (roles.BUILT_IN | roles.CUSTOM).items()}
_CONTROL_PLANE: Final = {
    # Who may hold a role that is not about data, and on what: AKS documents each for its own identities.
    "Network Contributor": ("cluster-control", ("Microsoft.Network/virtualNetworks",)),
    "Private DNS Zone Contributor": ("cluster-control", ("Microsoft.Network/privateDnsZones",)),
    "Managed Identity Operator": ("cluster-control", ("Microsoft.ManagedIdentity/userAssignedIdentities",)),
}


_SECRET_DESK: Final = ("identity-api-server", {"Key Vault Reader", roles.VAULT_WRITER})
"""Who lists the names of the tenants' secrets and sets them for their teams, and by which roles: none reads a value."""


def _role(assignment: Recorded) -> str:
    """The role's name; its id where it is unknown."""
    definition = assignment.inputs["roleDefinitionId"]
    return _NAME_OF.get(definition.rsplit("/", 1)[-1], definition)


def _said(assignment: Recorded) -> str:
    return f"{assignment}: {_role(assignment)} on {assignment.inputs['scope']}"


def every_role_is_given_on_one_resource(graph: Graph) -> list[str]:
    """On a group or a subscription it would open what is not there yet, also other tenants' things."""
    return [
        _said(each)
        for each in some(graph, "authorization:RoleAssignment")
        if not _RESOURCE.fullmatch(each.inputs["scope"])
    ]


def every_role_is_on_the_list(graph: Graph) -> list[str]:
    """A role outside the list (Owner, Contributor) may hand out rights."""
    return [_said(each) for each in some(graph, "authorization:RoleAssignment") if _role(each) not in _NAME_OF.values()]


def only_the_clusters_identity_holds_control_plane_roles(graph: Graph) -> list[str]:
    """A role over networks, zones or identities in the hands of a workload would let it rebuild its cage."""
    offenders = []
    known = principals(graph)
    for each in some(graph, "authorization:RoleAssignment"):
        if _role(each) in _CONTROL_PLANE:
            holder, types = _CONTROL_PLANE[_role(each)]
            identity = known.get(each.inputs["principalId"])
            match = _RESOURCE.fullmatch(each.inputs["scope"])
            if identity is None or identity.name != holder or match is None or match["type"] not in types:
                offenders.append(f"{_said(each)} for {identity or each.inputs['principalId']}")
    return offenders


def every_principal_has_its_type(graph: Graph) -> list[str]:
    """Without it Azure looks a fresh identity up where it has not arrived yet, and refuses."""
    known = principals(graph)
    offenders = []
    for each in some(graph, "authorization:RoleAssignment"):
        given, principal = each.inputs.get("principalType"), each.inputs["principalId"]
        allowed = ("ServicePrincipal",) if principal in known else ("ServicePrincipal", "Group", "User")
        if given not in allowed:
            offenders.append(f"{_said(each)}: principalType is {given!r}, must be one of {allowed}")
    return offenders


def every_assignment_is_named_by_a_made_guid(graph: Graph) -> list[str]:
    """A random name would make a second assignment on every re-run, which Azure refuses as existing."""
    return [
        f"{each}: {each.inputs.get('roleAssignmentName')!r} is no GUID of version 5"
        for each in some(graph, "authorization:RoleAssignment")
        if not _GUID.fullmatch(str(each.inputs.get("roleAssignmentName")))
    ]


def every_assignment_is_deleted_before_it_is_made_anew(graph: Graph) -> list[str]:
    """Azure refuses to change an assignment, and refuses a second one for the same three."""
    return [
        f"{each}: delete before replace is off"
        for each in some(graph, "authorization:RoleAssignment")
        if not each.delete_before_replace
    ]


def no_two_assignments_say_the_same(graph: Graph) -> list[str]:
    """Azure refuses the second with RoleAssignmentExists."""
    seen: dict[tuple[str, ...], Recorded] = {}
    offenders = []
    for each in some(graph, "authorization:RoleAssignment"):
        key = tuple(each.inputs[name].lower() for name in ("scope", "principalId", "roleDefinitionId"))
        if key in seen:
            offenders.append(f"{_said(each)}: as {seen[key].name}")
        seen[key] = each
    return offenders


def no_identity_reaches_into_another_tenants_things(graph: Graph) -> list[str]:
    """A tenant, or the platform, could read another tenant's secrets or logs."""
    things = {each.id.lower(): slug for each in graph.resources if each.id and (slug := owner(graph, each))}
    known = principals(graph)
    offenders = []
    for each in some(graph, "authorization:RoleAssignment"):
        scope = each.inputs["scope"].lower()
        opened = next((slug for thing, slug in things.items() if scope == thing or scope.startswith(f"{thing}/")), None)
        identity = known.get(each.inputs["principalId"])
        if opened and identity is not None and owner(graph, identity) != opened:
            desk, its_roles = _SECRET_DESK
            if identity.name == desk and _role(each) in its_roles:
                continue
            offenders.append(
                f"{_said(each)} of tenant {opened} for {identity} of {owner(graph, identity) or 'the platform'}"
            )
    return offenders


def no_tenant_has_a_role_on_the_platforms_things(graph: Graph) -> list[str]:
    """The log account as a whole, the platform's vault or the registry would open all tenants to one."""
    shared = {
        each.id.lower() for each in graph.resources if each.id.startswith("/subscriptions/") and not owner(graph, each)
    }
    known = principals(graph)
    return [
        f"{_said(each)} for {known[each.inputs['principalId']]}"
        for each in some(graph, "authorization:RoleAssignment")
        if each.inputs["scope"].lower() in shared
        and (identity := known.get(each.inputs["principalId"]))
        and owner(graph, identity)
    ]


RULES: Final[tuple[Rule, ...]] = (
    every_role_is_given_on_one_resource,
    every_role_is_on_the_list,
    only_the_clusters_identity_holds_control_plane_roles,
    every_principal_has_its_type,
    every_assignment_is_named_by_a_made_guid,
    every_assignment_is_deleted_before_it_is_made_anew,
    no_two_assignments_say_the_same,
    no_identity_reaches_into_another_tenants_things,
    no_tenant_has_a_role_on_the_platforms_things,
)
