"""The chart's values, held against the shape of the official chart's schema and against what ariel promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from components.airflow_task_pod import task_pod_template
from components.airflow_values import airflow_values, container_resources
from stacks.model import Resources
from stacks.settings import Component
from tests.chart_projection import CASES, release
from tests.pod_rules import credentials_in_env, not_hardened

SHAPE = Path(__file__).parents[2] / "data" / "airflow-chart-1.22.0-values-shape.json"
WORKLOADS = {
    "one": Component(replicas=1, resources=Resources(cpu="250m", memory="512Mi")),
    "many": Component(replicas=3, resources=Resources(cpu="4", memory="8Gi")),
}
RELEASES = {
    **CASES,
    "entra, one replica": release(sign_in="entra", scheduler=WORKLOADS["one"], api_server=WORKLOADS["one"]),
    "simple, many replicas": release(scheduler=WORKLOADS["many"], api_server=WORKLOADS["many"]),
}


@pytest.fixture(scope="module")
def shape() -> dict[str, Any]:
    return json.loads(SHAPE.read_text())


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """(path, value) of everything that is neither list nor map."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, f"{path}.{key}")]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, f"{path}[]")]
    return [(path, value)]


def task_pod(values: dict[str, Any]) -> dict[str, Any]:
    """The task pod in the form in which the rules take pods."""
    return {"Pod/task": json.loads(values["podTemplate"])["spec"]}


@pytest.mark.parametrize("name", RELEASES)
def test_the_official_chart_refuses_none_of_the_values(name: str, shape: dict[str, Any]) -> None:
    problems = list(jsonschema.Draft7Validator(shape).iter_errors(airflow_values(RELEASES[name])))
    assert [f"{problem.json_path}: {problem.message}" for problem in problems] == []


def test_no_value_is_silently_ignored_because_the_chart_does_not_know_its_name(shape: dict[str, Any]) -> None:
    """The schema forbids unknown names only below the top level."""
    assert set(airflow_values(release())) - set(shape["properties"]) == set()


@pytest.mark.parametrize("name", RELEASES)
def test_no_value_is_null_or_a_template(name: str) -> None:
    """Nulls are dropped on the way to Helm, and braces would be evaluated by the chart."""
    found = leaves(airflow_values(RELEASES[name]))
    assert len(found) > 100
    assert [leaf for leaf in found if leaf[1] is None or "{{" in str(leaf[1])] == []


def test_two_equal_releases_differ_in_nothing() -> None:
    first, second = (json.dumps(airflow_values(release())) for _ in range(2))
    assert first == second


def test_a_setting_is_always_text_since_the_chart_would_print_large_numbers_in_scientific_notation() -> None:
    settings = leaves(airflow_values(release())["config"])
    assert len(settings) > 20
    assert [leaf for leaf in settings if not isinstance(leaf[1], str)] == []


@pytest.mark.parametrize("name", RELEASES)
def test_a_task_pod_is_neither_unhardened_nor_given_a_credential(name: str) -> None:
    pod = task_pod(airflow_values(RELEASES[name]))
    assert not_hardened(pod) == []
    assert credentials_in_env(pod) == []
    assert pod["Pod/task"]["automountServiceAccountToken"] is False
    assert "volumes" not in pod["Pod/task"]


def test_a_task_pod_runs_the_image_of_the_release_by_digest_too() -> None:
    image = f"registry.example.org/airflow@sha256:{'b' * 64}"
    values = airflow_values(release(image=image))
    assert task_pod(values)["Pod/task"]["containers"][0]["image"] == image
    assert values["config"]["kubernetes_executor"]["worker_container_repository"] == ""
    assert values["defaultAirflowDigest"] == f"sha256:{'b' * 64}"
    assert "defaultAirflowTag" not in values


def test_a_registry_with_a_port_is_not_taken_for_a_tag() -> None:
    values = airflow_values(release(image="registry.example.org:5000/airflow:3.3.2-r1"))
    assert values["defaultAirflowRepository"] == "registry.example.org:5000/airflow"
    assert values["defaultAirflowTag"] == "3.3.2-r1"


def test_a_pod_template_holds_no_braces_that_the_chart_would_evaluate() -> None:
    template = task_pod_template(image="a:b", env={"A": '{"a": {"b": "c"}}'}, node_selector={"a": "b"}, tolerations=[])
    assert "{{" not in template


def test_one_replica_has_no_disruption_budget_that_would_block_a_node_upgrade() -> None:
    values = airflow_values(release(scheduler=WORKLOADS["one"], api_server=WORKLOADS["many"]))
    assert values["scheduler"]["podDisruptionBudget"]["enabled"] is False
    assert values["apiServer"]["podDisruptionBudget"]["enabled"] is True


@pytest.mark.parametrize(("cpu", "limit"), [("500m", "2000m"), ("0.5", "2000m"), ("2", "2000m"), ("4", "4000m")])
def test_a_cpu_limit_is_never_below_the_request_nor_too_small_to_start(cpu: str, limit: str) -> None:
    assert container_resources(Resources(cpu=cpu, memory="1Gi"))["limits"]["cpu"] == limit


def test_new_credentials_restart_the_pods_that_mount_them() -> None:
    annotations = [
        airflow_values(release(config_version=version))["airflowPodAnnotations"] for version in ("old", "new")
    ]
    assert annotations == [{"ariel.dev/config-version": "old"}, {"ariel.dev/config-version": "new"}]


@pytest.mark.parametrize("component", ["scheduler", "apiServer"])
def test_a_database_that_fails_over_for_minutes_ends_no_process(component: str) -> None:
    """Both probes reach the database, and Azure names 60 to 120 seconds for a failover."""
    probe = airflow_values(release())[component]["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 300
