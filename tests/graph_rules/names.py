"""Names: legal where they are used, distinct, and permanent."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from sandbox.plugins.azure_native.types import TABLE
from tests.graph_rules.subjects import Rule, all_of, azure, kubernetes
from tests.harness import Graph, Recorded

_GROUPED = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?"

LEGAL: Final[dict[str, str]] = {
    "resources:ResourceGroup": r"[A-Za-z0-9_.()-]{0,89}[A-Za-z0-9_()-]",
    "network:VirtualNetwork": r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}[A-Za-z0-9_]",
    "network:Subnet": _GROUPED,
    "network:NetworkSecurityGroup": _GROUPED,
    "network:NatGateway": _GROUPED,
    "network:PublicIPAddress": _GROUPED,
    "network:VirtualNetworkPeering": _GROUPED,
    "network:PrivateEndpoint": r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?",
    "operationalinsights:Workspace": r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
    "storage:StorageAccount": r"[a-z0-9]{3,24}",
    "storage:BlobContainer": r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "containerregistry:Registry": r"[A-Za-z0-9]{5,50}",
    "keyvault:Vault": r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]",
    "dbforpostgresql:Server": r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "containerservice:ManagedCluster": r"[A-Za-z0-9][A-Za-z0-9_-]{0,52}[A-Za-z0-9]",
    "containerservice:AgentPool": r"[a-z][a-z0-9]{0,11}",
    "managedidentity:UserAssignedIdentity": r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}",
    "managedidentity:FederatedIdentityCredential": r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}",
    "authorization:RoleAssignment": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}
"""Type -> its whole name. Source: Azure, "Naming rules and restrictions for Azure resources"; of a federated
credential: its REST reference."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_RBAC = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
_AS_LABEL = ("Namespace", "Service", "Deployment", "Job")
"""Kinds whose names become host names or labels of pods: 63 characters, no dots."""
_INDEX = re.compile(r"\[\d+\]|(^|[-_])\d{1,3}$")

GLOBAL: Final = ("storage:StorageAccount", "containerregistry:Registry", "keyvault:Vault", "dbforpostgresql:Server")
"""Types whose names are unique in all of Azure."""


def physical_name(resource: Recorded) -> str:
    """The last part of the ARM id."""
    return resource.id.rsplit("/", 1)[-1]


def physical_names_are_legal(graph: Graph) -> list[str]:
    """Azure would refuse it in the middle of an `up`."""
    return [
        f"{each}: {physical_name(each)!r} is not {pattern}"
        for each in azure(graph)
        if (pattern := LEGAL.get(each.type.removeprefix("azure-native:")))
        and not re.fullmatch(pattern, physical_name(each))
    ]


def no_two_resources_are_one_in_azure(graph: Graph) -> list[str]:
    """Two logical names for one ARM id: each run of one undoes the other."""
    counted = Counter(each.id.lower() for each in azure(graph))
    return [
        f"{each}: {each.id} is made {counted[each.id.lower()]} times"
        for each in azure(graph)
        if counted[each.id.lower()] > 1
    ]


def names_in_the_cluster_are_legal(graph: Graph) -> list[str]:
    """The API server would refuse it in the middle of an `up`."""
    offenders = []
    for each in kubernetes(graph):
        kind, name = each.type.rpartition(":")[2], each.inputs["metadata"].get("name", "")
        if kind in _RBAC:
            continue
        pattern = _LABEL if kind in _AS_LABEL else _SUBDOMAIN
        if not pattern.fullmatch(name):
            offenders.append(f"{each}: {name!r} is not {pattern.pattern}")
    return offenders


def no_two_objects_are_one_in_the_cluster(graph: Graph) -> list[str]:
    """Server-side apply would let the later one take over the earlier one's fields."""
    counted = Counter((each.type, each.id) for each in kubernetes(graph))
    return [
        f"{each}: {each.id} is made {n} times" for each in kubernetes(graph) if (n := counted[each.type, each.id]) > 1
    ]


def logical_names_hold_no_list_index(graph: Graph) -> list[str]:
    """Taking one out of a list would rename, and so replace, all that follow."""
    return [f"{each}: ends in a position" for each in all_of(graph) if _INDEX.search(each.name)]


def logical_names_say_nothing_of_the_environment(graph: Graph) -> list[str]:
    """A logical name is permanent and the same in all stacks."""
    groups = [each for each in azure(graph) if each.type.endswith(":ResourceGroup")]
    locations = {each.inputs["location"] for each in groups}
    words = {graph.stack, *locations}
    return [
        f"{each}: names {word}"
        for each in graph.resources
        for word in sorted(words)
        if word in re.split(r"[-_.]", each.name) or (word in locations and word in each.name)
    ]


def a_parent_in_azure_is_named_by_its_resource(graph: Graph) -> list[str]:
    """A parent's name written as text gives no dependency: the child may be made before it."""
    # A singleton (the blob service of an account) exists together with its own parent.
    known = {each.id.lower(): each for each in azure(graph) if not TABLE[each.type].singleton}
    offenders = []
    for each in azure(graph):
        row = TABLE[each.type]
        above = next((known[head] for head in _heads(each.id) if head in known), None)
        if above is not None and above.urn not in graph.before(each) and len(row.parameters) > 1:
            offenders.append(f"{each}: stands in {above} without depending on it")
    return offenders


def _heads(resource_id: str) -> list[str]:
    """The ids above an ARM id, nearest first."""
    parts = resource_id.lower().split("/")
    return ["/".join(parts[:length]) for length in range(len(parts) - 1, 4, -1)]


RULES: Final[tuple[Rule, ...]] = (
    physical_names_are_legal,
    no_two_resources_are_one_in_azure,
    names_in_the_cluster_are_legal,
    no_two_objects_are_one_in_the_cluster,
    logical_names_hold_no_list_index,
    logical_names_say_nothing_of_the_environment,
    a_parent_in_azure_is_named_by_its_resource,
)
