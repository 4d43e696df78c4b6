"""The shared components' rights outside the tenants' namespaces: they see, and change nothing."""

from __future__ import annotations

import pytest

from components.platform_access import PlatformAccess, PlatformAccessArgs
from components.platform_network import PlatformNetwork, PlatformNetworkArgs
from tests.harness import Graph, record

READING = {"get", "list", "watch"}


@pytest.fixture(scope="module")
def graph() -> Graph:
    def program() -> None:
        PlatformAccess("access", PlatformAccessArgs(namespace="airflow", scheduler_account="s", api_server_account="a"))
        PlatformNetwork("network", PlatformNetworkArgs(namespace="airflow", release="airflow", pgbouncer="pgbouncer"))

    return record(program)


def test_no_right_of_the_whole_cluster_changes_anything(graph: Graph) -> None:
    roles = graph.of("ClusterRole", "rbac.authorization.k8s.io/v1:Role")
    assert len(roles) == 3
    assert all(set(rule["verbs"]) == READING for role in roles for rule in role.inputs["rules"])


def test_the_scheduler_alone_sees_the_pods_of_all_namespaces(graph: Graph) -> None:
    (role,) = graph.of("ClusterRole")
    assert [rule["resources"] for rule in role.inputs["rules"]] == [["pods"]]
    (binding,) = graph.of("ClusterRoleBinding")
    assert [subject["name"] for subject in binding.inputs["subjects"]] == ["s"]


def test_the_release_reaches_the_database_through_pgbouncer_only(graph: Graph) -> None:
    spec = graph.one("NetworkPolicy", "network").inputs["spec"]
    ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
    assert 5432 not in ports
    assert 6432 in ports
    assert spec["policyTypes"] == ["Egress"]


def test_of_the_tenants_pods_the_api_server_reaches_the_state_of_their_mirrors_only(graph: Graph) -> None:
    spec = graph.one("NetworkPolicy", "network-api-server").inputs["spec"]
    assert spec["podSelector"]["matchLabels"] == {"release": "airflow", "component": "api-server"}
    (rule,) = spec["egress"]
    (peer,) = rule["to"]
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "git-mirror"}
    assert [port["port"] for port in rule["ports"]] == [9419]
