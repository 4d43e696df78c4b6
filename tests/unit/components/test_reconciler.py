"""The reconciler reads the registry and changes the database, and nothing else."""

from __future__ import annotations

import pytest

from components.namespace import PLATFORM
from components.reconciler import Reconciler, ReconcilerArgs
from tests.harness import Graph, record
from tests.pod_rules import credentials_in_env, not_hardened


@pytest.fixture(scope="module")
def graph() -> Graph:
    args = ReconcilerArgs(
        namespace=PLATFORM,
        image="registry.example.org/airflow:1",
        client_id="admin-client",
        role="id-admin",
        owner_object_id="owner",
        runtime_object_id="runtime",
        database_host="db.example.org",
        database_name="airflow",
        database_range="10.40.17.0/28",
    )
    return record(lambda: Reconciler("reconciler", args))


def test_it_may_read_config_maps_of_its_namespace_and_change_nothing(graph: Graph) -> None:
    (role,) = graph.of("rbac.authorization.k8s.io/v1:Role")
    assert role.inputs["rules"] == [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    assert graph.of("ClusterRole") == []


def test_two_never_run_at_once(graph: Graph) -> None:
    spec = graph.one("apps/v1:Deployment", "reconciler").inputs["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_it_is_hardened_and_carries_no_credential(graph: Graph) -> None:
    specs = {"reconciler": graph.one("apps/v1:Deployment", "reconciler").inputs["spec"]["template"]["spec"]}
    assert not_hardened(specs) == []
    assert credentials_in_env(specs) == []


def test_it_starts_when_it_may_read_and_connect(graph: Graph) -> None:
    before = graph.before(graph.one("apps/v1:Deployment", "reconciler"))
    assert graph.one("RoleBinding", "reconciler-registry").urn in before
    assert graph.one("NetworkPolicy", "reconciler").urn in before
