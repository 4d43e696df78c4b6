"""Objects by the kubernetes plug-in against a real API server."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.values import UNKNOWN, Secret
from tests.engine.plugins.kubernetes_driver import Driver, Made, deployment

MERGE = "application/merge-patch+json"
CONFIG_MAP = "core/v1:ConfigMap"


@pytest.fixture(scope="module")
def shared(cluster: Any) -> Driver:
    return Driver(cluster.kubeconfig)


@pytest.fixture
def driver(cluster: Any) -> Driver:
    return Driver(cluster.kubeconfig)


@pytest.fixture(scope="module")
def space(shared: Driver) -> Iterator[str]:
    made = shared.namespace()
    yield made.id
    shared.delete(made)


def config_map(space: str, name: str, **data: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": space}, "data": data}


def patched(driver: Driver, path: str, change: dict[str, Any]) -> None:
    driver.send("PATCH", path, change, content_type=MERGE)


def test_a_second_create_of_the_same_object_is_refused(driver: Driver, space: str) -> None:
    made = driver.create(CONFIG_MAP, config_map(space, "twice", a="1"))
    with pytest.raises(PluginError, match=r"ConfigMap t-.*/twice.*AlreadyExists.*import it"):
        driver.create(CONFIG_MAP, config_map(space, "twice", a="2"))
    live = driver.live(f"/api/v1/namespaces/{space}/configmaps/twice")
    assert live is not None
    assert live["data"] == {"a": "1"}
    driver.delete(made)


def test_an_existing_object_is_taken_over_only_when_the_provider_says_so(cluster: Any, space: str) -> None:
    driver = Driver(cluster.kubeconfig, upsertExistingObjects="true")
    driver.create(CONFIG_MAP, config_map(space, "mine", a="1"))
    again = driver.create(CONFIG_MAP, config_map(space, "mine", a="2"))
    assert again.plain["data"] == {"a": "2"}
    driver.delete(again)


def test_nothing_changes_when_nothing_was_changed_although_the_server_writes_values_its_own_way(
    driver: Driver, space: str
) -> None:
    made = driver.create("apps/v1:Deployment", deployment(space, "calm"))
    assert not driver.diff(made, deployment(space, "calm")).diffs
    refreshed = driver.refresh(made)
    assert refreshed is not None
    assert not driver.diff(refreshed, deployment(space, "calm")).diffs
    driver.delete(refreshed)


def test_drift_in_an_own_field_is_shown_and_repaired_and_other_fields_are_left_alone(
    driver: Driver, space: str
) -> None:
    wanted = config_map(space, "drift", ours="1")
    made = driver.create(CONFIG_MAP, wanted)
    path = f"/api/v1/namespaces/{space}/configmaps/drift"
    patched(driver, path, {"data": {"ours": "2", "theirs": "x"}})
    refreshed = driver.refresh(made)
    assert refreshed is not None
    assert list(driver.diff(refreshed, wanted).detailedDiff) == ["data.ours"]
    mutable = Driver(driver.plugin._settings.kubeconfig, enableConfigMapMutable="true", enablePatchForce="true")
    assert mutable.update(refreshed, wanted).plain["data"] == {"ours": "1", "theirs": "x"}
    driver.delete(made)


def test_a_switch_that_was_off_and_was_taken_away_is_drift(driver: Driver, space: str) -> None:
    wanted = {"metadata": {"name": "tokenless", "namespace": space}, "automountServiceAccountToken": False}
    made = driver.create("core/v1:ServiceAccount", wanted)
    patched(driver, f"/api/v1/namespaces/{space}/serviceaccounts/tokenless", {"automountServiceAccountToken": None})
    refreshed = driver.refresh(made)
    assert refreshed is not None
    assert list(driver.diff(refreshed, wanted).detailedDiff) == ["automountServiceAccountToken"]
    driver.delete(made)


def test_a_field_owned_by_somebody_else_is_not_silently_taken(driver: Driver, space: str) -> None:
    made = driver.create(CONFIG_MAP, config_map(space, "owned", a="1"))
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned"}, "data": {"b": "theirs"}}
    path = f"/api/v1/namespaces/{space}/configmaps/owned"
    query = {"fieldManager": "other", "force": "true"}
    driver.send("PATCH", path, theirs, query=query, content_type="application/apply-patch+yaml")
    with pytest.raises(PluginError, match=r"Conflict.*patchForce"):
        driver.update(made, config_map(space, "owned", a="1", b="ours"))
    forced = config_map(space, "owned", a="1", b="ours")
    forced["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    assert driver.update(made, forced).plain["data"]["b"] == "ours"
    driver.delete(made)


def test_a_field_removed_from_the_program_is_removed_from_the_cluster(driver: Driver, space: str) -> None:
    made = driver.create(CONFIG_MAP, config_map(space, "less", a="1", b="2"))
    assert driver.update(made, config_map(space, "less", a="1")).plain["data"] == {"a": "1"}
    driver.delete(made)


def test_the_data_of_a_secret_never_reaches_the_state_in_plain_text(driver: Driver, space: str) -> None:
    inputs = {"metadata": {"name": "hidden", "namespace": space}, "stringData": Secret({"key": "hunter22"})}
    made = driver.create("core/v1:Secret", inputs)
    assert isinstance(made.outputs["data"], Secret)
    assert isinstance(made.outputs["__inputs"]["stringData"], Secret)
    encoded = base64.b64encode(b"hunter22").decode()
    shown = json.dumps(made.outputs, default=lambda hidden: repr(hidden))
    assert "hunter22" not in shown
    assert encoded not in shown
    assert not driver.diff(made, inputs).diffs
    changed = {**inputs, "stringData": Secret({"key": "other"})}
    assert list(driver.diff(made, changed).replaces) == ["data.key"]
    driver.delete(made)


def test_a_refusal_does_not_print_a_secret_value(driver: Driver, space: str) -> None:
    inputs = {"metadata": {"name": "bad", "namespace": space, "labels": {"a": Secret("not a label: hunter22")}}}
    with pytest.raises(PluginError, match=r"\[secret\]") as caught:
        driver.create(CONFIG_MAP, inputs)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("switches", "fixed", "replaced"),
    [
        ({}, False, True),
        ({"enableConfigMapMutable": "true"}, False, False),
        ({"enableConfigMapMutable": "true"}, True, True),
    ],
)
def test_changed_data_replaces_a_config_map_unless_it_is_mutable(
    cluster: Any, space: str, switches: dict[str, str], fixed: bool, replaced: bool
) -> None:
    driver = Driver(cluster.kubeconfig, **switches)
    made = driver.create(CONFIG_MAP, config_map(space, "settings", a="1") | {"immutable": fixed})
    response = driver.diff(made, config_map(space, "settings", a="2") | {"immutable": fixed})
    assert bool(response.replaces) == replaced
    assert response.deleteBeforeReplace == replaced
    driver.delete(made)


def test_a_changed_selector_replaces_a_deployment_and_a_changed_image_does_not(driver: Driver, space: str) -> None:
    made = driver.create("apps/v1:Deployment", deployment(space, "sel"))
    other = deployment(space, "sel")
    other["spec"]["selector"]["matchLabels"]["app"] = "x"
    assert list(driver.diff(made, other).replaces) == ["spec.selector.matchLabels.app"]
    image = deployment(space, "sel")
    image["spec"]["template"]["spec"]["containers"][0]["image"] = "example.test/web:2"
    response = driver.diff(made, image)
    assert not response.replaces
    assert list(response.detailedDiff) == ["spec.template.spec.containers[0].image"]
    driver.delete(made)


def test_a_job_is_replaced_when_its_template_changes(driver: Driver, space: str) -> None:
    def job(image: str) -> dict[str, Any]:
        container = {"name": "main", "image": image}
        template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
        return {"metadata": {"name": "migrate", "namespace": space}, "spec": {"template": template}}

    made = driver.create("batch/v1:Job", job("example.test/a:1"))
    response = driver.diff(made, job("example.test/a:2"))
    assert response.deleteBeforeReplace
    driver.delete(made)


def test_an_object_without_a_name_keeps_its_made_up_name_and_is_replaced_without_deleting_first(
    driver: Driver, space: str
) -> None:
    inputs = {"metadata": {"namespace": space}, "data": {"a": "1"}}
    made = driver.create(CONFIG_MAP, inputs)
    assert made.inputs["metadata"]["name"].startswith("thing-")
    assert not driver.diff(made, inputs).diffs
    response = driver.diff(made, inputs | {"data": {"a": "2"}})
    assert response.replaces
    assert not response.deleteBeforeReplace
    driver.delete(made)


def test_a_preview_lets_the_server_judge_and_leaves_nothing_behind(driver: Driver, space: str) -> None:
    inputs = config_map(space, "only-a-plan", a="1")
    assert driver.preview(CONFIG_MAP, inputs)["data"] == {"a": "1"}
    assert driver.live(f"/api/v1/namespaces/{space}/configmaps/only-a-plan") is None
    with pytest.raises(PluginError, match=r"Invalid.*replicas"):
        driver.preview("apps/v1:Deployment", deployment(space, "negative", replicas=-1))


def test_a_preview_works_before_the_namespace_or_the_kind_exists(driver: Driver) -> None:
    driver.preview(CONFIG_MAP, config_map("not-there-yet", "x", a="1"))
    driver.preview("example.test/v1:Widget", {"metadata": {"name": "x"}, "spec": {"size": 1}})


def test_a_preview_with_unknown_values_asks_nothing(driver: Driver) -> None:
    inputs = {"metadata": UNKNOWN, "data": {"a": UNKNOWN}}
    assert driver.preview(CONFIG_MAP, inputs)["data"] == {"a": UNKNOWN}


def test_a_vanished_object_is_noticed_by_a_refresh_and_deleting_it_again_is_no_error(
    driver: Driver, space: str
) -> None:
    made = driver.create(CONFIG_MAP, config_map(space, "vanished", a="1"))
    driver.delete(made)
    assert driver.refresh(made) is None
    driver.delete(made)


def test_an_object_that_somebody_put_in_its_place_is_not_mistaken_for_gone(driver: Driver, space: str) -> None:
    made = driver.create(CONFIG_MAP, config_map(space, "held", a="1"))
    path = f"/api/v1/namespaces/{space}/configmaps/held"
    patched(driver, path, {"metadata": {"finalizers": ["example.test/hold"]}})
    with pytest.raises(PluginError, match=r"still there.*example.test/hold"):
        driver.delete(made, seconds=0.5)
    patched(driver, path, {"metadata": {"finalizers": None}})
    driver.delete(made)
    assert driver.live(path) is None


def test_an_object_may_be_made_anew_while_its_namesake_is_still_going(driver: Driver, space: str) -> None:
    driver.create(CONFIG_MAP, config_map(space, "going", a="1"))
    path = f"/api/v1/namespaces/{space}/configmaps/going"
    patched(driver, path, {"metadata": {"finalizers": ["example.test/hold"]}})
    driver.send("DELETE", path, None)
    let_go = threading.Timer(0.5, patched, (driver, path, {"metadata": {"finalizers": None}}))
    let_go.start()
    made = driver.create(CONFIG_MAP, config_map(space, "going", a="2"))
    assert made.plain["data"] == {"a": "2"}
    let_go.join()
    driver.delete(made)


def test_a_namespace_that_comes_a_moment_later_is_waited_for(driver: Driver) -> None:
    late = "t-late"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": late}}
    comes = threading.Timer(0.5, driver.send, ("POST", "/api/v1/namespaces", namespace))
    comes.start()
    made = driver.create(CONFIG_MAP, config_map(late, "early", a="1"))
    assert made.id == f"{late}/early"
    comes.join()
    driver.send("DELETE", f"/api/v1/namespaces/{late}", None)


def test_a_killed_create_is_found_again_by_its_inputs(driver: Driver, space: str) -> None:
    inputs = deployment(space, "killed")
    made = driver.create("apps/v1:Deployment", inputs)
    found = driver.refresh(Made(made.urn, made.id, made.inputs, {}))
    assert found is not None
    assert not driver.diff(found, inputs).diffs
    driver.delete(found)


def test_deleting_a_namespace_waits_until_all_in_it_is_gone(driver: Driver) -> None:
    made = driver.namespace()
    driver.create("apps/v1:Deployment", deployment(made.id))
    driver.delete(made)
    assert driver.live(f"/api/v1/namespaces/{made.id}") is None


def test_an_import_adopts_what_a_killed_run_left_and_the_next_run_changes_only_what_differs(
    driver: Driver, space: str
) -> None:
    inputs = config_map(space, "orphan", a="1")
    driver.create(CONFIG_MAP, inputs)
    found = driver.adopt(CONFIG_MAP, f"{space}/orphan")
    assert found is not None
    assert not driver.diff(found, inputs).diffs
    driver.delete(found)
    assert driver.adopt(CONFIG_MAP, f"{space}/orphan") is None


def test_a_custom_resource_may_be_made_right_after_its_definition(driver: Driver, space: str) -> None:
    schema = {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
    definition = {
        "metadata": {"name": "widgets.example.test"},
        "spec": {
            "group": "example.test",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    made = driver.create("apiextensions.k8s.io/v1:CustomResourceDefinition", definition)
    widget = driver.create("example.test/v1:Widget", {"metadata": {"name": "w", "namespace": space}, "spec": {"a": 1}})
    assert not driver.diff(widget, {"metadata": {"name": "w", "namespace": space}, "spec": {"a": 1}}).diffs
    assert not driver.diff(made, definition).diffs
    changed = driver.update(widget, {"metadata": {"name": "w", "namespace": space}, "spec": {"a": 2}})
    assert changed.plain["spec"] == {"a": 2}
    # The garbage collector learns of a new kind after half a minute only; with the definition its objects go at once.
    driver.delete(made)


def test_without_a_node_pods_are_not_awaited_and_that_is_said_once(driver: Driver, space: str) -> None:
    made = [driver.create("apps/v1:Deployment", deployment(space, name)) for name in ("one", "two")]
    assert len(driver.said) == 1
    assert "no node" in driver.said[0]
    for deployed in made:
        driver.delete(deployed)


def test_a_workload_that_does_not_become_ready_says_why_and_stays_in_the_state(driver: Driver, space: str) -> None:
    with driver.node(), pytest.raises(IncompleteError, match=r"0 of 1 pods are available") as caught:
        driver.create("apps/v1:Deployment", deployment(space, "stuck"), seconds=0.5)
    assert caught.value.resource_id == f"{space}/stuck"
    assert caught.value.properties["metadata"]["name"] == "stuck"
    driver.delete(Made(driver.urn("apps/v1:Deployment"), f"{space}/stuck", {}, dict(caught.value.properties)))


def test_a_cancelled_run_stops_waiting(driver: Driver, space: str) -> None:
    inputs = deployment(space, "stop")
    fresh = Driver(driver.plugin._settings.kubeconfig)
    threading.Timer(0.5, driver.plugin.cancelled.set).start()
    with fresh.node(), pytest.raises(IncompleteError, match="cancelled"):
        driver.create("apps/v1:Deployment", inputs, seconds=300)
    fresh.send("DELETE", f"/apis/apps/v1/namespaces/{space}/deployments/stop", None)


def test_skip_await_is_respected(driver: Driver, space: str) -> None:
    inputs = deployment(space, "unawaited")
    inputs["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    made = driver.create("apps/v1:Deployment", inputs)
    assert not driver.said
    driver.delete(made)


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        ("core/v1:ConfigMapPatch", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}),
        ("core/v1:ConfigMapList", {"apiVersion": "v1", "kind": "ConfigMapList", "items": []}),
    ],
)
def test_what_is_not_modelled_is_refused_with_advice(driver: Driver, token: str, inputs: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match=r"kubernetes plug-in; "):
        driver.check(token, inputs)
