"""docs/security.md says what the shipped stacks plan, and its generator refuses what nobody may have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stacks.roles import BUILT_IN, CUSTOM
from tests import access, access_cluster, access_facts
from tests.access_facts import MEANING, AccessError, Found, Plan, folded
from tests.graph_rules.sabotage import Sabotage, again, put, without
from tests.harness import Graph
from tests.recordings import graph_of

ROLE, IDENTITY = "authorization:RoleAssignment", "managedidentity:UserAssignedIdentity"
K8S_ROLE, POLICY = "rbac.authorization.k8s.io/v1:Role", "networking.k8s.io/v1:NetworkPolicy"
OWNER_OF_AZURE = (
    "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
)


def test_the_document_of_security_is_up_to_date() -> None:
    written = access.DOCUMENT.read_text(encoding="utf-8")
    assert written == access.renewed(written, access.shipped()), f"docs/security.md is stale: run `{access.COMMAND}`"


def test_every_role_that_can_be_assigned_has_its_meaning() -> None:
    assert set(MEANING) == set(BUILT_IN | CUSTOM)


def identities(plan: Plan) -> Found:
    return access_facts.assignments(plan, people=False)


def of(graph: Graph, facts: Callable[[Plan], Found]) -> str:
    return str(sorted(folded(Plan(graph), facts(Plan(graph)))))


def foreign_identity(graph: Graph) -> Graph:
    other = graph.one(IDENTITY, "mobility-task").outputs["principalId"]
    return again(
        ROLE, "weather-vault-task", inputs={**graph.one(ROLE, "weather-vault-task").inputs, "principalId": other}
    )(graph)


def foreign_secret(graph: Graph) -> Graph:
    """A role on a single secret in the other's vault."""
    vault = graph.one("keyvault:Vault", "weather-vault").id
    return put(ROLE, "scope", f"{vault}/secrets/password", "mobility-vault-task")(graph)


def foreign_team(graph: Graph) -> Graph:
    other = graph.one(ROLE, "mobility-vault-team").inputs["principalId"]
    return put(ROLE, "principalId", other, "weather-vault-team")(graph)


@pytest.mark.parametrize(
    ("mistake", "facts", "says"),
    [
        (foreign_identity, identities, "Key Vault Secrets User on the vault of `weather` for mobility"),
        (foreign_secret, identities, "Key Vault Secrets User on the vault of `weather` for mobility"),
        (put(ROLE, "scope", "/subscriptions/s", "weather-vault-task"), identities, "neither made here nor granted"),
        (foreign_team, access_facts.people, "Key Vault Secrets Officer on the vault of `weather` for mobility"),
        (put(ROLE, "roleDefinitionId", OWNER_OF_AZURE, "weather-vault-task"), identities, "add the meaning of"),
        (
            put(ROLE, "principalId", "nobody", "weather-vault-task"),
            identities,
            "nobody: neither an identity nor a group",
        ),
        (without(ROLE, "weather-vault-triggerer"), identities, r"\['mobility'\] and not \['weather'\] have"),
        (without("Role", "weather-access-launcher"), access_cluster.rights, "launcher'.* is not made here"),
        (put(K8S_ROLE, "rules/0/verbs", ["get"], "weather-access-launcher"), access_cluster.rights, "and not"),
    ],
    ids=[
        "another's vault",
        "a secret in it",
        "a subscription",
        "another team's vault",
        "unknown role",
        "unknown holder",
        "one has less",
        "no role",
        "unlike",
    ],
)
def test_the_generator_refuses(mistake: Sabotage, facts: Callable[[Plan], Found], says: str) -> None:
    with pytest.raises(AccessError, match=says):
        of(mistake(graph_of("dev")), facts)


def test_who_may_read_secrets_in_the_cluster_is_told() -> None:
    seen = put(K8S_ROLE, "rules/0/resources", ["configmaps", "secrets"], "reconciler-registry")(graph_of("prod"))
    part = "\n".join(access.part({"higher": Plan(seen)}))
    assert "read Secrets by the Kubernetes API: `airflow/tenant-reconciler`." in part


def test_a_secret_that_a_pod_mounts_is_told_with_the_pod() -> None:
    path = "spec/template/spec/volumes/0"
    volume = {"name": "stolen", "secret": {"secretName": "ariel-keys"}}
    seen = put("apps/v1:Deployment", path, volume, "reconciler")(graph_of("prod"))
    assert "`airflow/airflow-scheduler`, `airflow/tenant-reconciler`" in of(seen, access_cluster.secrets)


def test_a_way_out_that_one_tenant_has_alone_bears_its_name() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.9.9.0/24"}}], "ports": [{"port": 22}]}
    seen = Plan(put(POLICY, "spec/egress", [rule], "weather-namespaces-tasks")(graph_of("dev")))
    rows = folded(seen, access_cluster.connections(seen, "egress"), alike=False)
    assert ("all pods of `tasks-<slug>`", "`10.9.9.0/24` (only `weather`)", "TCP 22") in rows
