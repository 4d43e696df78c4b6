"""Who may do what in Azure, as rows of words from a planned stack; the cluster's part is in `access_cluster.py`.

Tenants that have the same are told as one, `<slug>`, and the groups of DAGs with an identity of their own as `<group>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from components.namespace import PLATFORM
from components.network_policy import anywhere, public
from stacks.roles import BUILT_IN, CUSTOM
from tests.graph_rules.subjects import owner, principals, some
from tests.graph_rules.workloads import release_values
from tests.harness import Graph, Recorded
from tests.recordings import ROOT, raw_settings
from tests.rendering import COMPACT_CHART, render_chart

Row = tuple[str, ...]
Found = Iterator[tuple[str, Row]]
"""(member, row). A member is "" for the platform, a tenant's slug, or `<slug>/<group>`."""
Manifest = dict[str, Any]

TENANT, GROUP = "<slug>", "<group>"

IDENTITIES: Final[Mapping[str, str]] = {
    f"{TENANT}-task": f"task pods of `{TENANT}`",
    f"{TENANT}-task-{GROUP}": f"task pods of the DAG group `{GROUP}` of `{TENANT}`",
    f"{TENANT}-triggerer": f"triggerer of `{TENANT}`",
    f"{TENANT}-db-processor": f"PgBouncer, for the DAG processor of `{TENANT}`",
    f"{TENANT}-db-triggerer": f"PgBouncer, for the triggerer of `{TENANT}`",
    "identity-admin": "tenant reconciler",
    "identity-owner": "migration job",
    "identity-runtime": "PgBouncer, for scheduler and API server",
    "identity-api-server": "API server",
    "cluster-control": "control plane of AKS",
    "cluster-kubelet": "kubelet of the nodes",
}
"""Logical name of an identity -> who acts as it."""
RESOURCES: Final[Mapping[str, str]] = {
    f"{TENANT}-vault": f"vault of `{TENANT}`",
    f"{TENANT}-logs": f"log container of `{TENANT}`",
    "platform-vault": "vault of the platform",
    "task-logs": "log storage, so the log containers of all tenants",
    "registry": "registry of images",
    "network": "virtual network",
    "network-nodes": "subnet of the nodes",
    "network-database": "subnet of the database",
    "network-endpoints": "private endpoints (vaults, log storage, registry)",
    "zone-cluster": "DNS zone of the cluster's API",
    "cluster-kubelet": "identity of the kubelets",
}
"""Logical name of what a role or a network policy opens -> what it is."""
MEANING: Final[Mapping[str, str]] = {
    "AcrPull": "pull images",
    "Airflow Secret Writer": "set a secret; neither read one nor list names",
    "Key Vault Certificates Officer": "make, import, replace and delete certificates; not read their private keys",
    "Key Vault Reader": "list the names of secrets, keys and certificates; read no value",
    "Key Vault Secrets Officer": "read, set and delete every secret",
    "Key Vault Secrets User": "read the value of every secret",
    "Managed Identity Operator": "give that identity to machines",
    "Monitoring Metrics Publisher": "write metrics",
    "Network Contributor": "change it and what is in it",
    "Private DNS Zone Contributor": "change the zone and its records",
    "Storage Blob Data Contributor": "read, write and delete every blob",
    "Storage Blob Data Reader": "read every blob",
}
"""Role -> what its holder may do. Source: Azure's descriptions of its built-in roles; `stacks/roles.py` for our own."""
_NAME_OF: Final = {guid: name for name, guid in (BUILT_IN | CUSTOM).items()}


class AccessError(AssertionError):
    """The graph gives what the document has no words for, or what no tenant may have."""


class Plan:
    """A planned stack with its rendered release, and the words for what is in it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.settings = raw_settings(graph.stack)
        self.tenants: Mapping[str, Manifest] = self.settings["tenants"]
        self.members = [
            "",
            *self.tenants,
            *(f"{slug}/{group}" for slug, block in self.tenants.items() for group in block.get("identities", {})),
        ]
        self._resources = {each.id.lower(): each for each in graph.resources if each.id}
        self.manifests: list[tuple[str, Manifest]] = [
            (self.member(each), {"kind": each.type.rpartition(":")[2], **each.inputs})
            for each in graph.resources
            if each.type.startswith("kubernetes:") and "metadata" in each.inputs
        ]
        for each in render_chart(release_values(graph), COMPACT_CHART):
            self.manifests.append(("", {**each, "metadata": {"namespace": PLATFORM, **each["metadata"]}}))

    def of(self, *kinds: str) -> list[tuple[str, Manifest]]:
        """(member, manifest) of these kinds, those of the release included."""
        return [found for found in self.manifests if found[1]["kind"] in kinds]

    def member(self, resource: Recorded) -> str:
        """Whose it is."""
        slug = owner(self.graph, resource)
        group = resource.name.removeprefix(f"{slug}-task-")
        return f"{slug}/{group}" if slug and group in self.tenants[slug].get("identities", {}) else slug or ""

    def holder(self, principal: str) -> tuple[str, str]:
        """(member, who it is) of an object id."""
        identity = principals(self.graph).get(principal)
        if identity is not None:
            member = self.member(identity)
            accounts = [
                f"`{'/'.join(each.inputs['subject'].split(':')[2:])}`"
                for each in self.graph.of("FederatedIdentityCredential")
                if each.id.startswith(f"{identity.id}/")
            ]
            text = f"{self._words(IDENTITIES, member, identity)} ({', '.join(accounts) or 'no pod'})"
            return member, general(member, text)
        people = {block["groupId"]: (slug, f"team of `{TENANT}`") for slug, block in self.tenants.items()}
        people[self.settings.get("vault", {}).get("ciGroupId")] = ("", "pipelines")
        people[self.settings["azure"]["adminGroupId"]] = ("", "platform engineers")
        people[_add_on(self.graph)] = ("", "ingress controller, an add-on of AKS")
        if principal not in people:
            raise AccessError(f"{principal}: neither an identity nor a group of stack {self.graph.stack}")
        return people[principal]

    def resource(self, scope: str) -> tuple[str, str] | None:
        """(member, what it is) of an ARM id or of what the id lies in; None for what the program does not make."""
        above = [one for one in self._resources if f"{scope.lower()}/".startswith(f"{one}/")]
        if not above:
            return None
        found = self._resources[max(above, key=len)]
        member = self.member(found)
        return member, self._words(RESOURCES, member, found)

    def _words(self, table: Mapping[str, str], member: str, resource: Recorded) -> str:
        name = general(member, resource.name)
        if name not in table:
            raise AccessError(f"{resource}: add words for {name!r} to tests/access_facts.py")
        return table[name]

    def pods(self) -> Iterator[tuple[str, str, Manifest]]:
        """(member, `namespace/account`, specification) of all that makes pods; task pods by their template."""
        for member, each in self.of("Deployment", "StatefulSet", "DaemonSet", "Job"):
            spec = each["spec"]["template"]["spec"]
            yield member, f"{each['metadata']['namespace']}/{spec['serviceAccountName']}", spec
        yield "", "task pods", json.loads(release_values(self.graph)["podTemplate"])["spec"]

    def address(self, block: Manifest) -> str:
        """What a range of a network policy is."""
        for each in self.graph.of("network:Subnet"):
            if each.inputs["addressPrefix"] == block["cidr"]:
                return self._words(RESOURCES, "", each)
        wide = {"every public address": public(), "every address outside the cluster, private ones too": anywhere()}
        named = [name for name, peer in wide.items() if peer["ipBlock"] == block]
        return named[0] if named else f"`{block['cidr']}`" + (" in part" if block.get("except") else "")


def general(member: str, text: str) -> str:
    """The text with placeholders where it names the member."""
    slug, _, group = member.partition("/")
    for name, placeholder in ((group, GROUP), (slug, TENANT)):
        if name:
            text = re.sub(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", placeholder, text)
    return text


def folded(plan: Plan, found: Iterable[tuple[str, Row]], *, alike: bool = True) -> set[Row]:
    """Each row once. One that not all members of its kind have says whose it is; with `alike` it raises AccessError."""
    rows, holders = set[Row](), dict[Row, set[str]]()
    for member, row in found:
        holders.setdefault(row, set()).add(member)
    for row, having in holders.items():
        kind = {bool(member) + member.count("/") for member in having}
        others = {each for each in plan.members if bool(each) + each.count("/") in kind} - having
        if others and alike:
            raise AccessError(f"stack {plan.graph.stack}: {sorted(having)} and not {sorted(others)} have {row}")
        only = f" (only {', '.join(f'`{each}`' for each in sorted(having))})" if others else ""
        rows.add((row[0], row[1] + only, *row[2:]))
    return rows


def assignments(plan: Plan, *, people: bool) -> Found:
    """(who, on what, role) of the Entra groups, or of the identities; also of identities without a role."""
    idle = set() if people else set(principals(plan.graph))
    for each in some(plan.graph, "authorization:RoleAssignment"):
        principal, scope = each.inputs["principalId"], each.inputs["scope"]
        if (each.inputs["principalType"] == "Group") is not people:
            continue
        idle.discard(principal)
        member, who = plan.holder(principal)
        role = _NAME_OF.get(each.inputs["roleDefinitionId"].rpartition("/")[2], each.inputs["roleDefinitionId"])
        if role not in MEANING:
            raise AccessError(f"{each}: add the meaning of {role!r} to tests/access_facts.py")
        opened = plan.resource(scope)
        if opened is None:
            if scope not in json.dumps(plan.tenants.get(member.partition("/")[0], {})):
                raise AccessError(f"{each}: {role} on {scope}, which is neither made here nor granted by a stack file")
            yield "", (who, f"`{scope.rpartition('/')[2]}`, granted in the block of `{member.partition('/')[0]}`", role)
            continue
        theirs, what = opened
        if member and theirs and member.partition("/")[0] != theirs.partition("/")[0]:
            raise AccessError(f"{each}: {role} on the {what.replace(TENANT, theirs)} for {member}")
        yield member or theirs, (who, what, role)
    for principal in idle:
        member, who = plan.holder(principal)
        yield member, (who, "nothing in Azure", "-")


def people(plan: Plan) -> Found:
    """(group, where, right) of the Entra groups, and how Airflow signs people in."""
    yield from assignments(plan, people=True)
    for each in some(plan.graph, "AdministratorsMicrosoftEntra"):
        if each.inputs["principalType"] == "Group":
            yield "", (plan.holder(each.inputs["objectId"])[1], "database server", "administrator")
    for each in some(plan.graph, "containerservice:ManagedCluster"):
        for group in each.inputs["aadProfile"]["adminGroupObjectIDs"]:
            yield "", (plan.holder(group)[1], "cluster", "administrator: everything, every Secret included")
    core = release_values(plan.graph)["config"]["core"]
    module, _, manager = core["auth_manager"].rpartition(".")
    written = module.startswith("airflow.") or (ROOT / "runtime" / f"{module.replace('.', '/')}.py").exists()
    users = core.get("simple_auth_manager_users")
    who = f"user and role `{users}`" if users else "people of the directory"
    yield "", (who, "Airflow", f"sign in by `{manager}`" + ("" if written else ", which is not written yet"))


def _add_on(graph: Graph) -> str:
    """Object id of the identity that Azure makes for the ingress controller."""
    profile = some(graph, "containerservice:ManagedCluster")[0].outputs["ingressProfile"]
    return str(profile["webAppRouting"]["identity"]["objectId"])
