"""A namespace is closed and hardened from its first moment."""

from __future__ import annotations

import pulumi

from components.namespace import Namespace, NamespaceArgs
from tests.harness import Graph, record


def recorded(slug: str | None = None) -> Graph:
    args = NamespaceArgs(namespace="tasks-weather", purpose="tasks", kubernetes_version="1.36", slug=slug)
    return record(lambda: pulumi.export("name", Namespace("it", args).name))


def test_a_privileged_pod_is_refused_by_the_namespace_itself() -> None:
    labels = recorded("weather").one("core/v1:Namespace", "it").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"] == "v1.36"


def test_policies_can_tell_whose_a_namespace_is_and_what_for() -> None:
    labels = recorded("weather").one("core/v1:Namespace", "it").inputs["metadata"]["labels"]
    assert (labels["ariel.dev/tenant"], labels["ariel.dev/purpose"]) == ("weather", "tasks")
    assert "ariel.dev/tenant" not in recorded().one("core/v1:Namespace", "it").inputs["metadata"]["labels"]


def test_a_pod_without_a_policy_of_its_own_reaches_nobody_and_is_reached_by_nobody() -> None:
    spec = recorded().one("NetworkPolicy", "it-default").inputs["spec"]
    assert spec["podSelector"] == {"matchLabels": {}}
    assert spec["policyTypes"] == ["Egress", "Ingress"]
    assert "ingress" not in spec
    assert [port["port"] for rule in spec["egress"] for port in rule["ports"]] == [53, 53]


def test_whoever_uses_the_name_comes_after_the_namespace() -> None:
    graph = recorded()
    namespace = graph.one("core/v1:Namespace", "it")
    assert namespace.urn in graph.before(graph.one("NetworkPolicy", "it-default"))
    assert graph.outputs["name"] == "tasks-weather"
