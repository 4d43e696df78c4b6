"""Where a task's pod goes: what would let it leave its tenant."""

from __future__ import annotations

import pytest
from ariel_runtime.notifications.routes import ALERTS, of_variable
from ariel_runtime.placement import task_pod, tenant_of
from ariel_runtime.pod_request import SIZES, PodRequest
from ariel_runtime.refusal import RefusedError
from ariel_runtime.registry import Alerts

from components.pod import TENANT_LABEL
from components.tenant_namespaces import container_limits
from stacks.quantity import mebibytes, millicores
from stacks.tenant import Quota
from tests.unit.runtime.tenants import tenant

KNOWN = {slug: tenant(slug) for slug in ("weather", "weather-lab")}


def test_the_pod_is_its_tenants() -> None:
    pod = task_pod(tenant(), PodRequest())
    assert (pod.metadata.namespace, pod.metadata.labels) == ("tasks-weather", {TENANT_LABEL: "weather"})
    assert pod.spec.service_account_name == "task"
    (container,) = pod.spec.containers
    assert (container.name, container.image, container.resources) == ("base", None, None)
    assert {variable.name: variable.value for variable in container.env} == dict(tenant().environment)


def test_a_pod_is_told_where_its_teams_messages_go_and_no_other() -> None:
    """By it the diagnostics know what a failure would send."""
    alerts = Alerts(channel="slack", target="#weather", pager="#on-call")
    pod = task_pod(tenant(alerts=alerts), PodRequest())
    given = {variable.name: variable.value for variable in pod.spec.containers[0].env}
    assert of_variable(given.pop(ALERTS)) == alerts
    assert given == dict(tenant().environment)


def test_an_author_gets_the_identity_image_and_size_that_the_tenant_has() -> None:
    pod = task_pod(tenant(), PodRequest(identity="etl", image="ghcr.io/acme/model:2", size=SIZES["M"]))
    (container,) = pod.spec.containers
    assert (pod.spec.service_account_name, container.image) == ("task-etl", "ghcr.io/acme/model:2")
    assert container.resources.requests == {"cpu": "500m", "memory": "2Gi"}
    assert container.resources.limits == {"memory": "2Gi"}


def test_a_label_of_the_authors_is_never_one_that_somebody_selects_by() -> None:
    pod = task_pod(tenant(), PodRequest(labels={"dag_id": "x", "airflow_executor_done": "True"}))
    assert pod.metadata.labels == {
        "task.ariel.dev/dag_id": "x",
        "task.ariel.dev/airflow_executor_done": "True",
        TENANT_LABEL: "weather",
    }


@pytest.mark.parametrize("identity", ["other", "task", "etl-2"])
def test_another_tenants_identity_is_refused(identity: str) -> None:
    with pytest.raises(RefusedError, match=r"executor_config\.ariel\.identity[^.]*one of etl"):
        task_pod(tenant(), PodRequest(identity=identity))


@pytest.mark.parametrize(
    ("pattern", "image", "allowed"),
    [
        ("ruby", "ruby", True),
        ("ruby", "ruby:3", True),
        ("ruby", "ruby@sha256:ab", True),
        ("ruby", "rubygems", False),
        ("ruby", "ruby:5000/mine", False),
        ("ghcr.io/acme/*", "ghcr.io/acme/a/b:1", True),
        ("ghcr.io/acme/*", "ghcr.io/acmeevil/a", False),
        ("ruby:3", "ruby:3", True),
        ("ruby:3", "ruby:3.1", False),
    ],
)
def test_images_are_matched_as_the_admission_policy_does(pattern: str, image: str, allowed: bool) -> None:
    owner = tenant(images=(pattern,))
    if allowed:
        assert task_pod(owner, PodRequest(image=image)).spec.containers[0].image == image
    else:
        with pytest.raises(RefusedError, match="allowedImages"):
            task_pod(owner, PodRequest(image=image))


def test_a_task_of_a_removed_tenant_is_refused_and_says_so() -> None:
    with pytest.raises(RefusedError, match="if the tenant was removed"):
        tenant_of("mobility", "mobility.trips", KNOWN)


@pytest.mark.parametrize("dag_id", ["weather-lab.x", "weather", "mobility.trips", "weatherx.a"])
def test_a_dag_that_is_not_the_bundles_own_gets_no_pod(dag_id: str) -> None:
    with pytest.raises(RefusedError, match=r"begins with 'weather\.'"):
        tenant_of("weather", dag_id, KNOWN)


def test_every_size_fits_into_a_tenant_that_sets_no_quota() -> None:
    most = container_limits(Quota())["max"]
    assert all(millicores(size.cpu) <= millicores(most["cpu"]) for size in SIZES.values())
    assert all(mebibytes(size.memory) <= mebibytes(most["memory"]) for size in SIZES.values())


@pytest.mark.parametrize(
    ("patterns", "asked", "placed"),
    [
        (("cr.example/weather/*",), "legacy:1", "cr.example/weather/legacy:1"),
        (("cr.example/*",), "legacy:1", "cr.example/weather/legacy:1"),
        (("cr.example/legacy", "cr.example/weather/*"), "legacy:1", "cr.example/legacy:1"),
        (("cr.example/legacy:7",), "legacy", "cr.example/legacy:7"),
        (("ruby",), "ruby:3", "ruby:3"),
        (("cr.example/weather/*",), "cr.example/weather/a/legacy:1", "cr.example/weather/a/legacy:1"),
    ],
)
def test_a_short_name_of_an_image_is_put_where_the_tenants_images_are(
    patterns: tuple[str, ...], asked: str, placed: str
) -> None:
    """Otherwise a commit that is promoted to another environment would name that of the first one's registry."""
    pod = task_pod(tenant(images=patterns), PodRequest(image=asked))
    assert pod.spec.containers[0].image == placed


@pytest.mark.parametrize("patterns", [(), ("cr.example/legacy:7",), ("cr.example/other",)])
def test_a_short_name_opens_no_image_that_the_tenant_has_not(patterns: tuple[str, ...]) -> None:
    with pytest.raises(RefusedError, match=r"executor_config\.ariel\.image"):
        task_pod(tenant(images=patterns), PodRequest(image="legacy:8"))
