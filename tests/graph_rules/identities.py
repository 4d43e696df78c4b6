"""Managed identities and the service accounts that may take them on."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

from tests.graph_rules.order import unchained
from tests.graph_rules.subjects import Rule, owner, some
from tests.harness import Graph, Recorded

AUDIENCE: Final = "api://AzureADTokenExchange"
_SUBJECT = re.compile(r"system:serviceaccount:(?P<namespace>[a-z0-9-]+):(?P<account>[a-z0-9-]+)")


def _credentials(graph: Graph) -> dict[str, list[Recorded]]:
    """ARM id of an identity -> its federated credentials."""
    found = defaultdict(list)
    for each in some(graph, "managedidentity:FederatedIdentityCredential"):
        found[each.id.rsplit("/", 2)[0]].append(each)
    return found


def every_credential_names_one_account(graph: Graph) -> list[str]:
    """A pattern, or another audience or issuer, would let somebody else's pod take on the identity."""
    issuers = {each.outputs["oidcIssuerProfile"]["issuerURL"] for each in graph.of("containerservice:ManagedCluster")}
    offenders = []
    for each in some(graph, "managedidentity:FederatedIdentityCredential"):
        given = each.inputs
        if not _SUBJECT.fullmatch(given["subject"]):
            offenders.append(f"{each}: subject {given['subject']!r} is not one namespace and account")
        if given["audiences"] != [AUDIENCE]:
            offenders.append(f"{each}: audiences {given['audiences']}, must be [{AUDIENCE}]")
        if given["issuer"] not in issuers:
            offenders.append(f"{each}: issuer {given['issuer']!r} is not this stack's cluster")
    return offenders


def every_identity_serves_one_namespace(graph: Graph) -> list[str]:
    """An identity of two namespaces joins what namespaces keep apart."""
    offenders = []
    for identity, credentials in _credentials(graph).items():
        namespaces = {
            each.inputs["subject"].split(":")[2] for each in credentials if each.inputs["subject"].count(":") > 2
        }
        if len(namespaces) > 1:
            offenders.append(f"{identity}: {sorted(namespaces)}")
    return offenders


def a_tenants_identity_serves_its_own_namespaces(graph: Graph) -> list[str]:
    """Else one tenant's pod acts as another. The two database identities are PgBouncer's, as the design says."""
    offenders = []
    for each in some(graph, "managedidentity:FederatedIdentityCredential"):
        slug, match = owner(graph, each), _SUBJECT.fullmatch(each.inputs["subject"])
        if match is None:
            continue
        own = {f"tasks-{slug}", f"parse-{slug}"}
        pool = (match["namespace"], match["account"]) == ("airflow", "pgbouncer")
        if slug and match["namespace"] not in own and not pool:
            offenders.append(f"{each} of tenant {slug}: {each.inputs['subject']}")
        if not slug and match["namespace"].startswith(("tasks-", "parse-")):
            offenders.append(f"{each} of the platform: {each.inputs['subject']}")
    return offenders


def credentials_of_one_identity_are_written_one_after_another(graph: Graph) -> list[str]:
    """Azure answers concurrent writes on one identity with 409."""
    return [line for credentials in _credentials(graph).values() for line in unchained(graph, credentials)]


def every_federated_account_exists(graph: Graph) -> list[str]:
    """A credential for an account that nobody makes waits for whoever makes it first."""
    made = {
        (each.inputs["metadata"]["namespace"], each.inputs["metadata"]["name"])
        for each in some(graph, "core/v1:ServiceAccount")
    }
    made |= CHART_ACCOUNTS
    return [
        f"{each}: {each.inputs['subject']}"
        for each in some(graph, "managedidentity:FederatedIdentityCredential")
        if tuple(each.inputs["subject"].split(":")[2:]) not in made
    ]


CHART_ACCOUNTS: Final = {("airflow", "airflow-api-server")}
"""Made by the release; `test_graph_rules_release.py` proves that they are rendered."""


def a_workloads_identity_is_the_one_federated_to_it(graph: Graph) -> list[str]:
    """An account annotated with a client id whose identity does not trust it gets no token."""
    by_client = {each.outputs["clientId"]: each for each in some(graph, "managedidentity:UserAssignedIdentity")}
    trusted = _credentials(graph)
    offenders = []
    for each in some(graph, "core/v1:ServiceAccount"):
        metadata = each.inputs["metadata"]
        client = (metadata.get("annotations") or {}).get("azure.workload.identity/client-id")
        if client is None:
            continue
        subject = f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}"
        identity = by_client.get(client)
        subjects = [credential.inputs["subject"] for credential in trusted.get(identity.id, [])] if identity else []
        if subject not in subjects:
            offenders.append(f"{each}: client id of {identity} which trusts {subjects}, not {subject}")
    return offenders


RULES: Final[tuple[Rule, ...]] = (
    every_credential_names_one_account,
    every_identity_serves_one_namespace,
    a_tenants_identity_serves_its_own_namespaces,
    credentials_of_one_identity_are_written_one_after_another,
    every_federated_account_exists,
    a_workloads_identity_is_the_one_federated_to_it,
)
