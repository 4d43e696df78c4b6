"""The building blocks of pods are hardened before anybody adds anything."""

from __future__ import annotations

import pulumi

from components import pod
from stacks.model import Resources
from tests.harness import record
from tests.pod_rules import not_hardened

SMALL = Resources(cpu="100m", memory="64Mi")


def a_container(**fields: object) -> pod.Manifest:
    return pod.container("main", "registry.example.org/a:1", command=["sleep"], resources=SMALL, **fields)  # type: ignore[arg-type]


def a_spec(*containers: pod.Manifest) -> pod.Manifest:
    template = pod.pod(labels=pod.labels("thing", "weather"), account="thing", containers=containers)
    spec: pod.Manifest = template["spec"]
    return spec


def test_a_pod_of_the_building_blocks_passes_pod_security() -> None:
    assert not_hardened({"Deployment/thing": a_spec(a_container())}) == []


def test_the_check_of_hardening_sees_a_container_that_is_not() -> None:
    assert not_hardened({"Deployment/thing": a_spec({"name": "main", "image": "a"})})


def test_a_container_cannot_write_to_its_image_nor_is_given_a_kubernetes_token() -> None:
    spec = a_spec(a_container())
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["automountServiceAccountToken"] is False
    assert spec["volumes"] == []


def test_the_limit_of_memory_is_what_is_asked_for_so_that_no_neighbour_is_killed_for_it() -> None:
    resources = a_container(cpu_limit="1")["resources"]
    assert resources == {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}}


def test_a_spread_that_cannot_be_kept_does_not_stop_a_pod_on_a_single_node() -> None:
    spread = a_spec(a_container())["topologySpreadConstraints"][0]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"]["matchLabels"] == pod.labels("thing", "weather")


def test_the_kubernetes_token_is_found_where_clients_look_for_it() -> None:
    sources = pod.api_token_volume()["projected"]["sources"]
    assert [next(iter(source)) for source in sources] == ["serviceAccountToken", "configMap", "downwardAPI"]
    assert pod.api_token_mount()["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"


def test_a_fingerprint_follows_the_secret_and_is_none() -> None:
    def program() -> None:
        for name in ("one", "two"):
            pulumi.export(name, pod.fingerprint(pulumi.Output.secret(name)))

    graph = record(program)
    assert graph.secret_outputs == frozenset()
    assert graph.outputs["one"] != graph.outputs["two"]
    assert len(graph.outputs["one"]) == 12
