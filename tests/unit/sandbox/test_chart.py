"""The compact chart against the facts of the official one, and every rule on what is rendered."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.airflow_values import ADMIN_SECRET, airflow_values
from tests.chart_projection import CASES, OFFICIAL_CHART, PROJECTION, projections
from tests.pod_rules import credentials_in_env, not_hardened, pod_specs
from tests.rendering import COMPACT_CHART, render_chart, run_helm


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[dict[str, Any]]]:
    """Case -> objects of the compact chart."""
    return {case: render_chart(airflow_values(given), COMPACT_CHART) for case, given in CASES.items()}


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """One line for each place where two trees of plain data differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted({*expected, *found})
        return [line for key in keys for line in differences(expected.get(key), found.get(key), f"{path}/{key}")]
    return [] if expected == found else [f"{path}: official {expected!r}, here {found!r}"]


def test_the_compact_chart_renders_what_the_official_one_does() -> None:
    expected = json.loads(PROJECTION.read_text())
    assert sum(len(objects) for objects in expected.values()) > 25
    assert differences(expected, projections(COMPACT_CHART)) == []


def as_the_engine_sends(value: Any) -> Any:
    """The engine's protocol knows one kind of number."""
    if isinstance(value, dict):
        return {key: as_the_engine_sends(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_the_engine_sends(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("case", CASES)
def test_numbers_that_arrive_as_fractions_change_nothing(case: str, rendered: dict[str, list[dict[str, Any]]]) -> None:
    sent = as_the_engine_sends(airflow_values(CASES[case]))
    assert differences(rendered[case], render_chart(sent, COMPACT_CHART)) == []


@pytest.mark.official_chart
def test_the_projection_holds_the_facts_of_the_official_chart() -> None:
    """Also proves that the official chart takes the values: Helm checks them against its schema before it renders."""
    chart = Path(os.environ[OFFICIAL_CHART])
    expected = json.loads(PROJECTION.read_text())
    assert differences(expected, projections(chart)) == [], (
        f"write it anew: {OFFICIAL_CHART}={chart} python -m tests.chart_projection"
    )


@pytest.mark.official_chart
@pytest.mark.parametrize("case", CASES)
def test_the_official_chart_renders_the_same_twice(case: str) -> None:
    """A random value in the render would be a change in every plan."""
    values, chart = airflow_values(CASES[case]), Path(os.environ[OFFICIAL_CHART])
    assert run_helm(values, chart).stdout == run_helm(values, chart).stdout


def changed(path: str, value: Any) -> dict[str, Any]:
    """Values with `value` at `path` (`a.b.c`)."""
    values = copy.deepcopy(airflow_values(CASES["sandbox"]))
    *parents, last = path.split(".")
    place = values
    for parent in parents:
        place = place[parent]
    place[last] = value
    return values


@pytest.mark.parametrize(("case", "mounting"), [("sandbox", {"Deployment/airflow-api-server"}), ("higher", set())])
def test_the_administrators_password_is_mounted_by_the_api_server_alone(
    case: str, mounting: set[str], rendered: dict[str, list[dict[str, Any]]]
) -> None:
    specs = pod_specs(rendered[case])
    assert len(specs) > 2
    assert {owner for owner, spec in specs.items() if ADMIN_SECRET in json.dumps(spec)} == mounting


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("unheardOf", True),
        ("scheduler.unheardOf", True),
        ("scheduler.extraVolumes", []),
        ("pgbouncer.enabled", True),
        ("migrateDatabaseJob.enabled", True),
        ("rbac.create", True),
        ("executor", "CeleryExecutor"),
        ("enableBuiltInSecretEnvVars.AIRFLOW__CORE__FERNET_KEY", True),
        ("scheduler.resources", {}),
    ],
)
def test_a_value_that_the_compact_chart_would_ignore_is_refused(path: str, value: Any) -> None:
    result = run_helm(changed(path, value), COMPACT_CHART)
    assert result.returncode != 0
    assert path.rpartition(".")[2] in result.stderr or path.rpartition(".")[0] in result.stderr.replace("/", ".")


@pytest.mark.parametrize("path", ["volumes", "imagePullSecrets", "config", "podTemplate"])
def test_a_value_left_out_is_refused_instead_of_taken_from_a_default(path: str) -> None:
    values = airflow_values(CASES["sandbox"])
    del values[path]
    result = run_helm(values, COMPACT_CHART)
    assert result.returncode != 0
    assert path in result.stderr


@pytest.mark.parametrize("case", CASES)
def test_no_container_of_the_release_is_left_unhardened(case: str, rendered: dict[str, list[dict[str, Any]]]) -> None:
    specs = pod_specs(rendered[case])
    assert sorted(specs) == [
        "Deployment/airflow-api-server",
        "Deployment/airflow-scheduler",
        "Deployment/airflow-statsd",
    ]
    assert not_hardened(specs) == []


@pytest.mark.parametrize("case", CASES)
def test_no_credential_reaches_a_container_by_a_variable(case: str, rendered: dict[str, list[dict[str, Any]]]) -> None:
    assert credentials_in_env(pod_specs(rendered[case])) == []


@pytest.mark.parametrize("case", CASES)
def test_the_release_holds_no_hook_no_role_no_secret_and_no_claim(
    case: str, rendered: dict[str, list[dict[str, Any]]]
) -> None:
    """Helm never updates nor removes a hook. The rest is made by the program, or not at all."""
    kinds = {entity["kind"] for entity in rendered[case]}
    assert kinds & {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret", "Job", "StatefulSet"} == set()
    assert "helm.sh/hook" not in yaml.safe_dump_all(rendered[case])


@pytest.mark.parametrize("case", CASES)
def test_every_account_that_a_pod_names_is_made_by_the_release(
    case: str, rendered: dict[str, list[dict[str, Any]]]
) -> None:
    made = {entity["metadata"]["name"] for entity in rendered[case] if entity["kind"] == "ServiceAccount"}
    named = {spec["serviceAccountName"] for spec in pod_specs(rendered[case]).values()}
    assert named == made == {"airflow-scheduler", "airflow-api-server", "airflow-statsd"}


@pytest.mark.parametrize("case", CASES)
def test_every_selector_finds_the_pods_of_its_component(case: str, rendered: dict[str, list[dict[str, Any]]]) -> None:
    pods = [
        entity["spec"]["template"]["metadata"]["labels"] for entity in rendered[case] if entity["kind"] == "Deployment"
    ]
    selectors = {
        f"{entity['kind']}/{entity['metadata']['name']}": selector(entity)
        for entity in rendered[case]
        if entity["kind"] in {"Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment"}
    }
    assert len(selectors) >= 8
    lost = [name for name, wanted in selectors.items() if not any(wanted.items() <= labels.items() for labels in pods)]
    assert lost == []


def selector(entity: dict[str, Any]) -> dict[str, str]:
    """The labels by which an object chooses pods."""
    spec = entity["spec"]
    if entity["kind"] == "Service":
        return spec["selector"]
    return spec.get("podSelector", spec.get("selector"))["matchLabels"]
