"""What a tenant's pods may use, as whom, and whom they reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from components.tenant_namespaces import (
    TenantNamespaces,
    TenantNamespacesArgs,
    container_limits,
    parse_limits,
    parse_quota,
    parsing_parts,
    task_egress,
)
from stacks.quantity import mebibytes, millicores
from stacks.tenant import Egress, Processor, Quota, Triggerer
from tests.harness import Graph, record
from tests.recordings import graph_of


@pytest.fixture(scope="module")
def graph() -> Graph:
    args = TenantNamespacesArgs(
        slug="weather",
        kubernetes_version="1.36",
        quota=Quota(),
        processor=Processor(),
        triggerer=Triggerer(),
        client_id="own",
        group_client_ids={"etl": "etl-client", "ml": "ml-client"},
        destinations=(Egress.model_validate({"cidr": "10.9.0.0/16", "port": 445}),),
        endpoints_range="10.40.16.0/24",
        registry="registry.example.org",
        allowed_images=("ruby", "ghcr.io/team/tool:2"),
    )
    return record(lambda: TenantNamespaces("it", args))


def test_tasks_and_parsing_have_namespaces_of_their_own(graph: Graph) -> None:
    labels = {
        each.inputs["metadata"]["name"]: each.inputs["metadata"]["labels"]["ariel.dev/purpose"]
        for each in graph.of("core/v1:Namespace")
    }
    assert labels == {"tasks-weather": "tasks", "parse-weather": "parse"}


def test_each_account_takes_on_its_own_identity_and_no_other(graph: Graph) -> None:
    accounts = {
        each.inputs["metadata"]["name"]: each.inputs["metadata"]["annotations"]["azure.workload.identity/client-id"]
        for each in graph.of("ServiceAccount")
    }
    assert accounts == {"task": "own", "task-etl": "etl-client", "task-ml": "ml-client"}
    assert all(each.inputs["automountServiceAccountToken"] is False for each in graph.of("ServiceAccount"))


def test_a_tenant_cannot_use_more_than_its_quota_nor_anything_but_pods(graph: Graph) -> None:
    hard = graph.one("ResourceQuota", "it").inputs["spec"]["hard"]
    assert (hard["pods"], hard["requests.cpu"], hard["limits.memory"]) == ("20", "8", "16Gi")
    assert (hard["services"], hard["persistentvolumeclaims"]) == ("0", "0")


@pytest.mark.parametrize(
    ("cpu", "memory", "asked"),
    [("8", "16Gi", ("250m", "512Mi")), ("100m", "256Mi", ("100m", "256Mi")), ("0.1", "1Gi", ("0.1", "512Mi"))],
)
def test_a_small_quota_still_lets_a_container_start(cpu: str, memory: str, asked: tuple[str, str]) -> None:
    limits = container_limits(Quota.model_validate({"cpu": cpu, "memory": memory}))
    assert (limits["defaultRequest"]["cpu"], limits["defaultRequest"]["memory"]) == asked
    assert (limits["max"]["cpu"], limits["max"]["memory"]) == (cpu, memory)


@pytest.mark.parametrize(("cpu", "thousandths"), [("500m", 500), ("0.5", 500), ("2", 2000), ("1.125", 1125)])
def test_cores_and_thousandths_are_counted_alike(cpu: str, thousandths: int) -> None:
    assert millicores(cpu) == thousandths


@pytest.mark.parametrize(("memory", "size"), [("512Mi", 512), ("2Gi", 2048), ("1Ti", 1048576)])
def test_memory_of_every_unit_is_counted_alike(memory: str, size: int) -> None:
    assert mebibytes(memory) == size


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_everything_that_parses_fits_beside_its_successor(stack: str) -> None:
    graph = graph_of(stack)
    for quota in [each for each in graph.of("ResourceQuota") if each.inputs["metadata"]["name"] == "parse"]:
        namespace, hard = quota.inputs["metadata"]["namespace"], quota.inputs["spec"]["hard"]
        here = [each.inputs["spec"] for each in graph.of("Deployment") if _namespace(each.inputs) == namespace]
        assert len(here) == 3
        assert int(hard["pods"]) == sum(spec["replicas"] + 1 for spec in here)
        for kind, key, count in (("cpu", "requests.cpu", millicores), ("memory", "limits.memory", mebibytes)):
            needed = sum((spec["replicas"] + 1) * count(_resources(spec)["requests"][kind]) for spec in here)
            assert count(hard[key]) == needed
        (limits,) = graph.one("LimitRange", quota.name).inputs["spec"]["limits"]
        assert all(
            count(_resources(spec)["limits"][kind]) <= count(limits["max"][kind])
            for spec in here
            for kind, count in (("cpu", millicores), ("memory", mebibytes))
        )
        services = [each for each in graph.of("core/v1:Service") if _namespace(each.inputs) == namespace]
        assert int(hard["services"]) == len(services)


def _namespace(inputs: Mapping[str, Any]) -> str:
    return str(inputs["metadata"]["namespace"])


def _resources(spec: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    (container,) = spec["template"]["spec"]["containers"]
    return dict(container["resources"])


def test_a_tenant_without_a_triggerer_gets_no_room_for_one() -> None:
    parts = parsing_parts(Processor(), Triggerer(enabled=False))
    assert parse_quota(parts)["pods"] == "4"
    assert parse_limits(parts)["max"] == {"cpu": "1", "memory": "1Gi"}


def test_the_images_are_the_platforms_and_the_declared_ones(graph: Graph) -> None:
    data = graph.one("ConfigMap", "it-images").inputs["data"]
    assert data["images"].splitlines() == ["registry.example.org/*", "ghcr.io/team/tool:2", "ruby"]


def test_a_task_reaches_the_execution_api_its_own_mirror_and_what_it_declared_but_not_the_database() -> None:
    rules = task_egress("weather", "10.40.16.0/24", (Egress.model_validate({"cidr": "10.9.0.0/16", "port": 445}),))
    assert [rule["ports"][0]["port"] for rule in rules] == [8080, 9418, 443, 445]
    mirror = rules[1]["to"][0]["namespaceSelector"]["matchLabels"]
    assert mirror == {"kubernetes.io/metadata.name": "parse-weather"}


def test_nobody_connects_to_a_task_pod(graph: Graph) -> None:
    policies = [
        each.inputs for each in graph.of("NetworkPolicy") if each.inputs["metadata"]["namespace"] == "tasks-weather"
    ]
    assert len(policies) == 2
    assert not any("ingress" in policy["spec"] for policy in policies)
