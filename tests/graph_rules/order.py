"""Order: what Azure takes only one at a time, or only after something else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from tests.graph_rules.subjects import Rule, some
from tests.harness import Graph, Recorded


def unchained(graph: Graph, resources: Sequence[Recorded]) -> list[str]:
    """Pairs of which neither depends on the other, directly or through others."""
    before = {each.urn: graph.before(each) for each in resources}
    return [
        f"{one} and {other} may be written at the same time"
        for index, one in enumerate(resources)
        for other in resources[index + 1 :]
        if one.urn not in before[other.urn] and other.urn not in before[one.urn]
    ]


def _children(graph: Graph, *types: str) -> dict[str, list[Recorded]]:
    """ARM id of the parent -> its children of these types."""
    found = defaultdict(list)
    for each in some(graph, *types):
        found[each.id.rsplit("/", 2)[0]].append(each)
    return found


def a_database_servers_children_are_written_one_after_another(graph: Graph) -> list[str]:
    """Flexible Server answers a second write with ServerIsBusy."""
    kinds = [f"dbforpostgresql:{kind}" for kind in ("Configuration", "Database", "AdministratorsMicrosoftEntra")]
    return [line for children in _children(graph, *kinds).values() for line in unchained(graph, children)]


def subnets_of_one_network_are_written_one_after_another(graph: Graph) -> list[str]:
    """Azure answers a second subnet write with AnotherOperationInProgress."""
    return [line for subnets in _children(graph, "network:Subnet").values() for line in unchained(graph, subnets)]


def windows_of_one_cluster_are_written_one_after_another(graph: Graph) -> list[str]:
    """AKS answers a second write with OperationNotAllowed."""
    kind = "containerservice:MaintenanceConfiguration"
    return [line for windows in _children(graph, kind).values() for line in unchained(graph, windows)]


def the_database_server_comes_after_its_linked_zone(graph: Graph) -> list[str]:
    """Azure refuses the server while the zone is not linked to its network."""
    links = some(graph, "privatedns:VirtualNetworkLink")
    offenders = []
    for server in some(graph, "dbforpostgresql:Server"):
        zone = server.inputs["network"]["privateDnsZoneArmResourceId"]
        mine = [link for link in links if link.id.startswith(f"{zone}/")]
        before = graph.before(server)
        if not mine or any(link.urn not in before for link in mine):
            offenders.append(f"{server}: zone {zone} has {len(mine)} links, not all made before it")
    return offenders


def the_cluster_comes_after_the_roles_of_its_identities(graph: Graph) -> list[str]:
    """AKS checks them when the cluster is made, and refuses without them."""
    identities = {
        each.outputs["principalId"]
        for each in some(graph, "managedidentity:UserAssignedIdentity")
        if each.name in ("cluster-control", "cluster-kubelet")
    }
    mine = [each for each in some(graph, "authorization:RoleAssignment") if each.inputs["principalId"] in identities]
    offenders = [] if mine else ["the cluster's identities have no roles"]
    for cluster in some(graph, "containerservice:ManagedCluster"):
        before = graph.before(cluster)
        offenders += [f"{cluster}: may be made before {each}" for each in mine if each.urn not in before]
    return offenders


def a_tenants_processes_come_after_the_schema(graph: Graph) -> list[str]:
    """Airflow's processes end at once in a database without its tables, and Kubernetes then waits ever longer."""
    jobs = some(graph, "batch/v1:Job")
    processes = [each for each in some(graph, "apps/v1:Deployment") if _name(each) in ("dag-processor", "triggerer")]
    offenders = [] if processes else ["no tenant has a process that reads the schema"]
    for process in processes:
        before = graph.before(process)
        offenders += [f"{process}: may be made before {job}" for job in jobs if job.urn not in before]
    return offenders


def _name(resource: Recorded) -> str:
    return str(resource.inputs["metadata"]["name"])


RULES: Final[tuple[Rule, ...]] = (
    a_database_servers_children_are_written_one_after_another,
    subnets_of_one_network_are_written_one_after_another,
    windows_of_one_cluster_are_written_one_after_another,
    the_database_server_comes_after_its_linked_zone,
    the_cluster_comes_after_the_roles_of_its_identities,
    a_tenants_processes_come_after_the_schema,
)
