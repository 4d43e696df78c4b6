"""A tenant's entry in the registry: complete, stable and secret to the engine."""

from __future__ import annotations

import inspect
import json
import re

import pulumi
import pytest

from components import tenant_registry
from components.tenant_registry import KEY, DatabaseLogin, TenantRegistry, TenantRegistryArgs
from stacks.tenant import Alerts, Application, Repository
from tests.harness import Graph, record

PASSWORD = "opens-pgbouncer"  # noqa: S105
CLIENT, DIRECTORY = "66666666-6666-4666-8666-66666666660a", "11111111-1111-4111-8111-111111111111"
PARTS = "slug team bundle pool groupId repository environment namespaces accounts roles images slots vault logs alerts"


@pytest.fixture(scope="module")
def graph() -> Graph:
    def program() -> None:
        login = DatabaseLogin(
            client_id="db-client",
            object_id="db-object",
            pool_size=2,
            password=pulumi.Output.secret(PASSWORD),
            salt="c2FsdA==",
        )
        args = TenantRegistryArgs(
            slug="weather",
            namespace="airflow",
            group_id="group",
            repository=Repository.model_validate({"url": "https://git.example.org/weather.git"}),
            client_id="client",
            group_client_ids={"etl": "etl-client"},
            logins={"ariel_dagproc_weather": login},
            registry="registry.example.org",
            allowed_images=("ruby",),
            slots=20,
            vault_url="https://kv",
            shared_vault=False,
            log_container="weather",
            applications={"partner": Application.model_validate({"clientId": CLIENT})},
            directory=DIRECTORY,
            alerts=Alerts.model_validate({"channel": "slack", "target": "#weather"}),
        )
        TenantRegistry("registry", args)

    return record(program)


def document(graph: Graph) -> dict[str, object]:
    found: dict[str, object] = json.loads(graph.one("ConfigMap", "registry").inputs["data"][KEY])
    return found


def test_readers_find_all_tenants_by_a_label_and_one_by_its_name(graph: Graph) -> None:
    metadata = graph.one("ConfigMap", "registry").inputs["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("tenant-weather", "airflow")
    assert metadata["labels"]["ariel.dev/tenant"] == "weather"


def test_the_document_has_exactly_the_documented_parts(graph: Graph) -> None:
    text = inspect.getdoc(tenant_registry) or ""
    assert set(document(graph)) == set(PARTS.split())
    assert [part for part in PARTS.split() if not re.search(rf"^    .*\b{part}\b.*  ", text, re.MULTILINE)] == []


def test_keys_are_sorted_so_that_no_run_shows_a_difference_of_order_alone(graph: Graph) -> None:
    text = graph.one("ConfigMap", "registry").inputs["data"][KEY]
    assert text == json.dumps(json.loads(text), sort_keys=True)


def test_the_engine_shows_the_document_to_nobody_and_the_password_is_not_in_it(graph: Graph) -> None:
    entry = graph.one("ConfigMap", "registry")
    assert entry.is_secret("data", KEY)
    assert PASSWORD not in entry.inputs["data"][KEY]


def test_a_role_carries_what_pgbouncer_and_the_reconciler_need(graph: Graph) -> None:
    roles = document(graph)["roles"]
    assert set(roles) == {"ariel_dagproc_weather"}  # type: ignore[call-overload]
    role = roles["ariel_dagproc_weather"]  # type: ignore[index]
    assert set(role) == {"clientId", "objectId", "poolSize", "reservePoolSize", "verifier"}
    assert role["verifier"].startswith("SCRAM-SHA-256$1:c2FsdA==$")


def test_the_executor_finds_namespace_accounts_and_environment_of_a_task_pod(graph: Graph) -> None:
    found = document(graph)
    assert found["namespaces"] == {"tasks": "tasks-weather", "parse": "parse-weather"}
    assert found["accounts"] == {"task": {"clientId": "client"}, "task-etl": {"clientId": "etl-client"}}
    assert "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST" in found["environment"]  # type: ignore[operator]
    assert found["alerts"] == {"channel": "slack", "target": "#weather"}


def test_a_task_pod_is_told_its_tenants_applications(graph: Graph) -> None:
    environment = document(graph)["environment"]
    assert json.loads(environment["ARIEL_APPLICATIONS"]) == {  # type: ignore[index]
        "partner": {"clientId": CLIENT, "tenantId": DIRECTORY, "certificate": None}
    }
