"""What the architecture picture shows, read from the recorded graph of stack `prod` and one of its tenants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stacks.roles import BUILT_IN, CUSTOM
from tests.graph_rules.subjects import owner, principals
from tests.harness import Graph, Recorded
from tests.recordings import graph_of, raw_settings

STACK: Final = "prod"

NOUNS: Final[Mapping[str, tuple[str, str]]] = {
    "Cluster": ("AKS cluster", "AKS clusters"),
    "ContainerLogs": ("container logs", "container logs"),
    "Database": ("PostgreSQL server", "PostgreSQL servers"),
    "DnsForwarding": ("DNS forwarding", "DNS forwardings"),
    "LogContainer": ("log container", "log containers"),
    "LogStorage": ("task log storage", "task log storages"),
    "Network": ("virtual network", "virtual networks"),
    "PrivateEndpoint": ("private endpoint", "private endpoints"),
    "PrivateZone": ("private DNS zone", "private DNS zones"),
    "Registry": ("container registry", "container registries"),
    "Vault": ("Key Vault", "Key Vaults"),
    "WorkloadIdentity": ("identity", "identities"),
    "Workspace": ("Log Analytics", "Log Analytics"),
}
"""Component of Azure -> what the picture calls one and several of it. A component that is not here is an error."""

CHART_PARTS: Final[Mapping[str, str]] = {
    "scheduler": "scheduler",
    "apiServer": "API server",
    "dagProcessor": "DAG processor",
    "triggerer": "triggerer",
    "statsd": "statsd",
}
"""Part of the official chart -> name in the picture, where the release leaves it on."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    tenant: str
    groups: Mapping[str, tuple[str, ...]]
    """Purpose of a resource group -> what stands in it."""
    release: tuple[str, ...]
    """Parts of the Airflow release that run."""
    workloads: Mapping[str, tuple[str, ...]]
    """Namespace -> its Deployments and Jobs, by account."""
    rights: tuple[tuple[str, str, tuple[str, ...]], ...]
    """(namespace / account, identities by purpose, what they may do), one per account that is an identity in Azure."""


def gather() -> Facts:
    """Records the stack. Raises KeyError for a component without a noun."""
    graph = graph_of(STACK)
    settings = raw_settings(STACK)
    tenant, *others = settings["tenants"]
    shown = [each for each in graph.resources if not each.name.startswith(tuple(f"{slug}-" for slug in others))]
    prefix = f"{settings['organisation']}-{STACK}-"
    return Facts(
        tenant=tenant,
        groups=_groups(graph, shown, f"rg-{prefix}"),
        release=_release(graph),
        workloads=_workloads(shown),
        rights=tuple(_rights(graph, shown, f"id-{prefix}")),
    )


def _groups(graph: Graph, shown: list[Recorded], prefix: str) -> dict[str, tuple[str, ...]]:
    inside: dict[str, dict[str, str]] = {}
    for each in shown:
        if not each.type.startswith("azure-native:"):
            continue
        group = str(each.inputs.get("resourceGroupName", ""))
        above = [*graph.ancestors(each)]
        kinds = [owner.type.rsplit(":", 1)[-1] for owner in above]
        # An endpoint may stand in another group than what it leads to.
        kind, owner = (kinds[0], above[0]) if "PrivateEndpoint" in kinds else (kinds[-1], above[-1])
        if group and kind != "ResourceGroup":
            inside.setdefault(group.removeprefix(prefix), {})[owner.name] = kind
    return {group: tuple(_counted(kinds.values())) for group, kinds in sorted(inside.items())}


def _counted(kinds: Any) -> Iterator[str]:
    for kind, number in sorted(Counter(kinds).items()):
        one, several = NOUNS[kind]
        yield one if number == 1 else f"{number} {several}"


def _release(graph: Graph) -> tuple[str, ...]:
    values = graph.one("helm.sh/v3:Release", "airflow").inputs["values"]
    return tuple(name for part, name in CHART_PARTS.items() if values[part].get("enabled", True))


def _workloads(shown: list[Recorded]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for each in shown:
        if each.type.endswith((":Deployment", ":Job")):
            pod = each.inputs["spec"]["template"]["spec"]
            found.setdefault(each.inputs["metadata"]["namespace"], []).append(pod["serviceAccountName"])
    return {namespace: tuple(sorted(accounts)) for namespace, accounts in sorted(found.items())}


def _rights(graph: Graph, shown: list[Recorded], prefix: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    principals = {i.inputs["resourceName"]: i.outputs["principalId"] for i in graph.of("UserAssignedIdentity")}
    taken: dict[str, list[str]] = {}
    for each in shown:
        if each.type.endswith(":FederatedIdentityCredential"):
            _, _, namespace, account = each.inputs["subject"].split(":")
            taken.setdefault(f"{namespace} / {account}", []).append(each.inputs["resourceName"])
    for account, identities in sorted(taken.items()):
        roles = tuple(text for identity in sorted(identities) for text in _may(graph, principals[identity]))
        purposes = ", ".join(sorted(identity.removeprefix(prefix) for identity in identities))
        yield account, purposes, roles or ("no role in Azure: signs in to the database",)


def _may(graph: Graph, principal: str) -> Iterator[str]:
    names = {definition: role for role, definition in (BUILT_IN | CUSTOM).items()}
    known = {each.id: each for each in graph.resources if each.id.startswith("/")}
    holder = principals(graph)[principal]
    said = {}
    for each in graph.of("RoleAssignment"):
        if each.inputs["principalId"] == principal:
            scope = each.inputs["scope"]
            role = names[each.inputs["roleDefinitionId"].rsplit("/", 1)[-1]]
            on = known[scope].name if scope in known else scope.rsplit("/", 1)[-1]
            if scope in known and owner(graph, known[scope]) not in (None, owner(graph, holder)):
                on = "each tenant's vault"
            said[f"{role} on {on}"] = None
    yield from said
    if any(each.inputs["objectId"] == principal for each in graph.of("AdministratorsMicrosoftEntra")):
        yield "administrator of the database server"
