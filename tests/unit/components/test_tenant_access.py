"""Who may touch a tenant's task pods."""

from __future__ import annotations

import pytest

from components.tenant_access import TenantAccess, TenantAccessArgs
from tests.harness import Graph, record


@pytest.fixture(scope="module")
def graph() -> Graph:
    args = TenantAccessArgs(namespace="tasks-weather", scheduler_account="scheduler", api_server_account="api-server")
    return record(lambda: TenantAccess("it", args))


def test_the_scheduler_starts_and_ends_pods_and_the_api_server_only_reads_their_logs(graph: Graph) -> None:
    verbs = {
        each.name: {resource: rule["verbs"] for rule in each.inputs["rules"] for resource in rule["resources"]}
        for each in graph.of("rbac.authorization.k8s.io/v1:Role")
    }
    assert verbs == {
        "it-launcher": {"pods": ["create", "patch", "delete"]},
        "it-log-reader": {"pods": ["get", "list"], "pods/log": ["get"]},
    }


def test_each_right_belongs_to_one_account_of_the_platform_and_to_nobody_of_the_tenant(graph: Graph) -> None:
    subjects = {each.name: each.inputs["subjects"] for each in graph.of("RoleBinding")}
    assert subjects == {
        "it-launcher": [{"kind": "ServiceAccount", "name": "scheduler", "namespace": "airflow"}],
        "it-log-reader": [{"kind": "ServiceAccount", "name": "api-server", "namespace": "airflow"}],
    }


def test_no_right_reaches_beyond_the_tenants_namespace(graph: Graph) -> None:
    namespaces = {each.inputs["metadata"]["namespace"] for each in graph.of("v1:Role", "RoleBinding")}
    assert namespaces == {"tasks-weather"}
    assert graph.of("ClusterRole", "ClusterRoleBinding") == []
