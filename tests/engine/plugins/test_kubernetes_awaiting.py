"""Awaiting by the kubernetes plug-in where there is a node: real controllers; the test reports for the kubelet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.plugins.failures import IncompleteError
from tests.engine.plugins.kubernetes_driver import Driver, Made, deployment

DEPLOYMENT = "apps/v1:Deployment"
RUNNING = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.215.0.9"}
PULLING = {
    "phase": "Pending",
    "containerStatuses": [
        {
            "name": "main",
            "image": "x",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
        }
    ],
}
CONTAINER = {"name": "main", "image": "example.test/web:1"}


@pytest.fixture
def driver(cluster: Any) -> Driver:
    return Driver(cluster.kubeconfig)


@pytest.fixture
def space(driver: Driver) -> Iterator[str]:
    made = driver.namespace()
    account = f"/api/v1/namespaces/{made.id}/serviceaccounts/default"
    until(lambda: driver.live(account))
    with driver.node():
        yield made.id
    driver.send("DELETE", f"/api/v1/namespaces/{made.id}", None)


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def first_pod(driver: Driver, space: str) -> str:
    """Path of the first pod that a controller makes in the namespace."""
    folder = f"/api/v1/namespaces/{space}/pods"
    items = until(lambda: (driver.live(folder) or {}).get("items"))
    return f"{folder}/{items[0]['metadata']['name']}"


def node(driver: Driver) -> str:
    nodes = (driver.live("/api/v1/nodes") or {})["items"]
    return str(nodes[0]["metadata"]["name"])


def leads_somewhere(driver: Driver, service: Made) -> bool:
    try:
        return driver.refresh(service) is not None
    except IncompleteError:
        return False


def meanwhile(work: Callable[[], Made]) -> Future[Made]:
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work)
    finally:
        pool.shutdown(wait=False)


def test_a_deployment_is_done_only_when_its_pod_is_ready(driver: Driver, space: str) -> None:
    made = meanwhile(lambda: driver.create(DEPLOYMENT, deployment(space)))
    pod = first_pod(driver, space)
    time.sleep(0.5)
    assert not made.done()
    driver.report(pod, **RUNNING)
    assert made.result(20).plain["status"]["availableReplicas"] == 1


def test_a_pod_that_cannot_start_is_named_with_its_reason_and_the_next_run_takes_it_up(
    driver: Driver, space: str
) -> None:
    made = meanwhile(lambda: driver.create(DEPLOYMENT, deployment(space), seconds=10))
    pod = first_pod(driver, space)
    driver.report(pod, **PULLING)
    with pytest.raises(
        IncompleteError, match=r"not ready after 10 s.*container main: ImagePullBackOff: no such image"
    ) as bad:
        made.result(20)
    left = Made(driver.urn(DEPLOYMENT), bad.value.resource_id, dict(bad.value.inputs), dict(bad.value.properties))
    driver.report(pod, **RUNNING | {"containerStatuses": None})
    assert driver.update(left, deployment(space)).plain["status"]["availableReplicas"] == 1


def test_what_admission_refuses_is_the_reason_where_no_pod_is_made(driver: Driver, space: str) -> None:
    inputs = deployment(space)
    inputs["spec"]["template"]["spec"]["serviceAccountName"] = "absent"
    with pytest.raises(IncompleteError, match=r'serviceaccount "absent" not found'):
        driver.create(DEPLOYMENT, inputs, seconds=10)


def test_a_rollout_past_its_deadline_fails_at_once_but_a_later_run_gives_it_another_chance(
    driver: Driver, space: str
) -> None:
    inputs = deployment(space, progressDeadlineSeconds=1)
    begun = time.monotonic()
    with pytest.raises(IncompleteError, match="timed out progressing") as caught:
        driver.create(DEPLOYMENT, inputs, seconds=60)
    assert time.monotonic() - begun < 30
    failed = caught.value
    left = Made(driver.urn(DEPLOYMENT), failed.resource_id, dict(failed.inputs), dict(failed.properties))
    again = meanwhile(lambda: driver.update(left, inputs))
    driver.report(first_pod(driver, space), **RUNNING)
    assert again.result(20).plain["status"]["availableReplicas"] == 1


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (3, "Failed")])
def test_a_job_is_awaited_until_it_has_completed_or_failed(driver: Driver, space: str, code: int, phase: str) -> None:
    template = {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}
    inputs = {"metadata": {"name": "once", "namespace": space}, "spec": {"template": template, "backoffLimit": 0}}
    made = meanwhile(lambda: driver.create("batch/v1:Job", inputs))
    pod = first_pod(driver, space)
    ended = {"exitCode": code, "reason": "Completed" if not code else "Error", "startedAt": None, "finishedAt": None}
    container = {"name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    driver.report(pod, phase=phase, containerStatuses=[{**container, "state": {"terminated": ended}}])
    if code == 0:
        assert made.result(30).plain["status"]["succeeded"] == 1
        return
    with pytest.raises(IncompleteError, match=r"Job failed: BackoffLimitExceeded.*ended with code 3"):
        made.result(30)


@pytest.mark.parametrize(("marks", "replaces"), [({}, []), ({"pulumi.com/replaceUnready": "true"}, ["metadata"])])
def test_a_failed_job_is_made_anew_by_the_next_run_where_the_program_says_so(
    driver: Driver, space: str, marks: dict[str, str], replaces: list[str]
) -> None:
    """A failed migration would otherwise fail every later run, too."""
    template = {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}
    meta = {"name": "once", "namespace": space, "annotations": marks}
    inputs = {"metadata": meta, "spec": {"template": template, "activeDeadlineSeconds": 1}}
    with pytest.raises(IncompleteError, match="DeadlineExceeded") as caught:
        driver.create("batch/v1:Job", inputs)
    failed = caught.value
    left = Made(driver.urn("batch/v1:Job"), failed.resource_id, dict(failed.inputs), dict(failed.properties))
    answer = driver.diff(left, inputs)
    assert (list(answer.replaces), answer.deleteBeforeReplace) == (replaces, bool(replaces))


def test_a_service_is_awaited_until_it_leads_somewhere(driver: Driver, space: str) -> None:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    inputs = {"metadata": {"name": "web", "namespace": space}, "spec": spec}
    with pytest.raises(IncompleteError, match="selects no ready pod"):
        driver.create("core/v1:Service", inputs, seconds=1)
    path = f"/api/v1/namespaces/{space}/pods"
    meta = {"name": "web", "labels": {"app": "web"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta}
    driver.send("POST", path, pod | {"spec": {"containers": [CONTAINER], "nodeName": node(driver)}})
    driver.report(f"{path}/web", **RUNNING)
    made = Made(driver.urn("core/v1:Service"), f"{space}/web", driver.checked("core/v1:Service", inputs), {})
    until(lambda: leads_somewhere(driver, made))


def test_a_pod_of_its_own_is_awaited_until_it_is_ready(driver: Driver, space: str) -> None:
    inputs = {"metadata": {"name": "alone", "namespace": space}, "spec": {"containers": [CONTAINER]}}
    made = meanwhile(lambda: driver.create("core/v1:Pod", inputs))
    driver.report(first_pod(driver, space), **RUNNING)
    assert made.result(20).plain["status"]["phase"] == "Running"


def test_a_stateful_set_is_awaited_pod_by_pod(driver: Driver, space: str) -> None:
    inputs = deployment(space, "db", serviceName="db")
    made = meanwhile(lambda: driver.create("apps/v1:StatefulSet", inputs))
    driver.report(first_pod(driver, space), **RUNNING)
    assert made.result(20).plain["status"]["readyReplicas"] == 1
