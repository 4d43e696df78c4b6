"""Protection: what holds data cannot be deleted by mistake in `higher`, and everything can go in the other classes."""

from __future__ import annotations

from typing import Final

from tests.graph_rules.subjects import Rule, environment_class, owner, some
from tests.harness import Graph, Recorded

STATEFUL: Final = (
    "dbforpostgresql:Server",
    "dbforpostgresql:Database",
    "storage:StorageAccount",
    "containerservice:ManagedCluster",
    "keyvault:Vault",
)
FERNET_KEY: Final = "airflow-keys-fernet"
"""Logical name of the key without which no stored connection can be read again."""
ALSO: Final = ("resources:ResourceGroup",)
"""May be protected beside them: the group that holds them."""


def _holding_data(graph: Graph) -> list[Recorded]:
    keys = [each for each in some(graph, "random:index/randomBytes:RandomBytes") if each.name == FERNET_KEY]
    return [*some(graph, *STATEFUL), *keys]


def _kept(resource: Recorded) -> bool:
    return resource.protect or resource.retain_on_delete


def what_holds_data_is_protected_in_higher(graph: Graph) -> list[str]:
    """One wrong line in a stack file would delete the metadata database.

    A tenant's vault is kept in Azure rather than protected: a tenant must be removable.
    """
    higher = environment_class(graph) == "higher"
    offenders = []
    for each in _holding_data(graph):
        wanted = each.retain_on_delete and not each.protect if owner(graph, each) else each.protect
        if higher and not wanted:
            offenders.append(f"{each}: protect={each.protect} retain_on_delete={each.retain_on_delete}")
    return offenders


def nothing_else_is_protected(graph: Graph) -> list[str]:
    """Protection of what holds no data only stands in the way of changes; in lower classes everything can go."""
    higher = environment_class(graph) == "higher"
    allowed = {each.urn for each in (*_holding_data(graph), *some(graph, *ALSO))} if higher else set()
    return [
        f"{each}: protect={each.protect} retain_on_delete={each.retain_on_delete} in class {environment_class(graph)}"
        for each in graph.resources
        if _kept(each) and each.urn not in allowed
    ]


def the_server_is_locked_in_azure_where_it_is_protected(graph: Graph) -> list[str]:
    """The engine's protection does not stop a person in the portal."""
    locks = [each.inputs["scope"].lower() for each in graph.of("authorization:ManagementLockByScope")]
    return [
        f"{each}: no lock on it or above it; locks on {locks}"
        for each in some(graph, "dbforpostgresql:Server")
        if each.protect and not any(each.id.lower() == lock or each.id.lower().startswith(f"{lock}/") for lock in locks)
    ]


def no_lock_covers_what_a_tenant_must_be_able_to_lose(graph: Graph) -> list[str]:
    """A lock is inherited: on a group it would refuse the removal of a tenant's container or role assignment in it."""
    locks = [each.inputs["scope"].lower() for each in graph.of("authorization:ManagementLockByScope")]
    return [
        f"{each}: locked through {lock}"
        for each in some(graph, "resources:ResourceGroup", "storage:BlobContainer", "authorization:RoleAssignment")
        if owner(graph, each) and not _kept(each)
        for lock in locks
        if each.id.lower().startswith(f"{lock}/")
    ]


def vaults_cannot_be_purged_in_higher(graph: Graph) -> list[str]:
    """A deleted vault that is purged takes the secrets with it for good."""
    higher = environment_class(graph) == "higher"
    offenders = []
    for each in some(graph, "keyvault:Vault"):
        given = each.inputs["properties"].get("enablePurgeProtection")
        if given is not (True if higher else None):
            offenders.append(f"{each}: enablePurgeProtection is {given!r} in class {environment_class(graph)}")
        if not each.inputs["properties"].get("enableSoftDelete"):
            offenders.append(f"{each}: soft delete is off")
    return offenders


def backups_leave_the_region_in_higher(graph: Graph) -> list[str]:
    """Without a copy in the paired region a lost region is a lost metadata database."""
    if environment_class(graph) != "higher":
        return []
    offenders = []
    for each in some(graph, "dbforpostgresql:Server"):
        backup, availability = each.inputs["backup"], each.inputs["highAvailability"]
        if backup["geoRedundantBackup"] != "Enabled" or backup["backupRetentionDays"] < 35:
            offenders.append(f"{each}: backup {backup}")
        if availability["mode"] != "ZoneRedundant":
            offenders.append(f"{each}: highAvailability {availability}")
    return offenders


RULES: Final[tuple[Rule, ...]] = (
    what_holds_data_is_protected_in_higher,
    nothing_else_is_protected,
    the_server_is_locked_in_azure_where_it_is_protected,
    no_lock_covers_what_a_tenant_must_be_able_to_lose,
    vaults_cannot_be_purged_in_higher,
    backups_leave_the_region_in_higher,
)
