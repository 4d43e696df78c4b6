"""The release as Helm renders it from each stack's own values: the rules for pods hold there too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import pod_rules, recordings
from tests.graph_rules.identities import CHART_ACCOUNTS
from tests.graph_rules.workloads import NO_CREDENTIALS, release_values
from tests.rendering import COMPACT_CHART, render_chart

Manifest = dict[str, Any]

NO_PLACE_IN_A_RELEASE = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret", "PersistentVolumeClaim"}
"""Rights stand beside the namespaces; Secrets of the chart get a new value in every run."""


@pytest.fixture(scope="module", params=recordings.STACKS)
def rendered(request: pytest.FixtureRequest) -> tuple[str, list[Manifest]]:
    """(registry's login server, objects of the release)."""
    graph = recordings.graph_of(request.param)
    login_server = graph.of("containerregistry:Registry")[0].outputs["loginServer"]
    return login_server, render_chart(release_values(graph), COMPACT_CHART)


def specs(objects: list[Manifest]) -> dict[str, Manifest]:
    found = pod_rules.pod_specs(objects)
    assert len(found) >= 3
    return found


def test_every_container_of_the_release_is_hardened(rendered: tuple[str, list[Manifest]]) -> None:
    assert pod_rules.not_hardened(specs(rendered[1])) == []


def test_no_variable_of_the_release_holds_a_credential(rendered: tuple[str, list[Manifest]]) -> None:
    found = pod_rules.credentials_in_env(specs(rendered[1]))
    assert [line for line in found if line.partition(": ")[2].partition("=")[0] not in NO_CREDENTIALS] == []


def test_every_image_of_the_release_is_pinned_and_ours(rendered: tuple[str, list[Manifest]]) -> None:
    login_server, objects = rendered
    images = {place: container["image"] for place, _, container in pod_rules.containers(specs(objects))}
    assert {
        place: image
        for place, image in images.items()
        if not image.startswith(f"{login_server}/") or image.endswith(":latest") or image.count(":") != 1
    } == {}


def test_no_pod_of_the_release_reaches_the_node(rendered: tuple[str, list[Manifest]]) -> None:
    offenders = []
    for place, spec in specs(rendered[1]).items():
        offenders += [f"{place}: {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
        offenders += [f"{place}: {volume}" for volume in spec.get("volumes") or [] if "hostPath" in volume]
    assert offenders == []


def test_the_release_makes_no_rights_and_no_secrets(rendered: tuple[str, list[Manifest]]) -> None:
    made = [f"{entity['kind']} {entity['metadata']['name']}" for entity in rendered[1]]
    assert len(made) > 8
    assert [each for each in made if each.split()[0] in NO_PLACE_IN_A_RELEASE] == []


def test_the_release_has_no_hook(rendered: tuple[str, list[Manifest]]) -> None:
    """The engine does not see hooks: they run, fail and stay without a trace in the plan."""
    assert [
        f"{entity['kind']} {entity['metadata']['name']}"
        for entity in rendered[1]
        if any(key.startswith("helm.sh/hook") for key in entity["metadata"].get("annotations") or {})
    ] == []


def test_the_accounts_that_identities_trust_are_in_the_release(rendered: tuple[str, list[Manifest]]) -> None:
    made = {entity["metadata"]["name"] for entity in rendered[1] if entity["kind"] == "ServiceAccount"}
    assert {name for _, name in CHART_ACCOUNTS} - made == set()


def test_accounts_with_rights_in_the_cluster_are_in_the_release(rendered: tuple[str, list[Manifest]]) -> None:
    """A binding to an account that the release does not make leaves the scheduler without its rights."""
    made = {("airflow", each["metadata"]["name"]) for each in rendered[1] if each["kind"] == "ServiceAccount"}
    graph = recordings.graph_of("prod")
    made |= {
        (each.inputs["metadata"]["namespace"], each.inputs["metadata"]["name"])
        for each in graph.of("core/v1:ServiceAccount")
    }
    kinds = [f"rbac.authorization.k8s.io/v1:{kind}" for kind in ("RoleBinding", "ClusterRoleBinding")]
    bound = {
        (subject["namespace"], subject["name"]) for each in graph.of(*kinds) for subject in each.inputs["subjects"]
    }
    assert len(bound) >= 4
    assert bound - made == set()


def test_no_dag_processor_triggerer_or_database_of_the_charts_own_is_left(rendered: tuple[str, list[Manifest]]) -> None:
    """One of the chart's own would run every tenant's code with the platform's credentials."""
    names = " ".join(place.lower() for place in specs(rendered[1]))
    assert not any(word in names for word in ("processor", "triggerer", "postgres", "pgbouncer", "worker", "migrat"))


def test_the_task_pod_of_every_stack_mounts_no_secret() -> None:
    for stack in recordings.STACKS:
        template = json.loads(release_values(recordings.graph_of(stack))["podTemplate"])
        volumes = template["spec"].get("volumes") or []
        assert [volume for volume in volumes if "secret" in volume] == []
