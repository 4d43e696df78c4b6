"""The Airflow component on the recorded graph: what it makes, what it hides, what its plan shows."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_random import RandomPassword

from components.airflow import Airflow, AirflowArgs
from components.airflow_values import airflow_values
from stacks.errors import SettingsError
from stacks.model import Resources
from stacks.settings import Component
from tests.chart_projection import release
from tests.harness import Graph, Recorded, record
from tests.rendering import COMPACT_CHART, render_chart

CREDENTIALS = {
    "metadata_url": "postgresql+psycopg2://login:first-word@pgbouncer:6432/ariel_runtime",
    "fernet_key": "second-word",
    "api_secret_key": "third-word",
    "jwt_secret": "fourth-word",
    "admin_password": "fifth-word",
}


def args(**changes: Any) -> AirflowArgs:
    share = Component(replicas=1, resources=Resources(cpu="500m", memory="1Gi"))
    given: dict[str, Any] = {
        "namespace": "airflow",
        "airflow_version": "3.3.2",
        "chart_version": "1.22.0",
        "chart_repository": "https://charts.example.org",
        "image": "registry.example.org/airflow:3.3.2-r1",
        "statsd_image": "registry.example.org/statsd-exporter:v0.30.0",
        "sign_in": "simple",
        "host": "airflow.example.org",
        "ingress_class": "example-class",
        "ingress_namespace": "example-ingress",
        "certificate_uri": "https://vault.example.org/certificates/airflow-ingress",
        "scheduler": share,
        "api_server": share,
        "api_server_client_id": "00000000-0000-0000-0000-000000000001",
        "log_account_url": "https://logs.blob.core.windows.net/",
        "log_container": "platform",
        "environment": "test",
        "task_node_selector": {},
        "task_tolerations": [],
        **CREDENTIALS,
    }
    return AirflowArgs(**{**given, **changes})


def recorded(**changes: Any) -> Graph:
    return record(lambda: Airflow("airflow", args(**changes)))


def release_of(graph: Graph) -> Recorded:
    return graph.one("helm.sh/v3:Release", "airflow")


def test_the_release_gets_exactly_the_values_that_the_charts_are_tested_with() -> None:
    values = release_of(recorded()).inputs["values"]
    version = values["airflowPodAnnotations"]["ariel.dev/config-version"]
    assert values == airflow_values(release(config_version=version))
    assert len(render_chart(values, COMPACT_CHART)) > 10


def test_no_credential_is_shown_by_a_plan_or_an_output() -> None:
    graph = recorded()
    words = list(CREDENTIALS.values())
    shown = [
        f"{each}: {key}"
        for each in graph.resources
        for key, value in each.inputs.items()
        if not each.is_secret(key) and any(word in str(value) for word in words)
    ]
    assert shown == []
    secrets = graph.of("core/v1:Secret")
    assert [each.name for each in secrets] == ["airflow-admin", "airflow-keys", "airflow-metadata"]
    hidden = str([each.inputs["stringData"] for each in secrets])
    assert [word for word in words if word not in hidden] == []


def test_a_plan_shows_the_values_and_does_not_hide_them_as_one_secret() -> None:
    """A digest of secrets would make all the values secret, and a reviewer would see none of them."""
    graph = recorded()
    assert not [path for path in release_of(graph).secrets if path[:1] == ("values",)]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_rotated_credential_restarts_the_pods_that_have_read_the_old_one(credential: str) -> None:
    def version(**changes: Any) -> str:
        return release_of(recorded(**changes)).inputs["values"]["airflowPodAnnotations"]["ariel.dev/config-version"]

    assert version(**{credential: CREDENTIALS[credential] + "-rotated"}) != version() == version()


def test_the_release_comes_after_the_secrets_that_its_pods_mount() -> None:
    graph = recorded()
    secrets = {each.urn for each in graph.of("core/v1:Secret")}
    assert len(secrets) == 3
    assert secrets <= graph.before(release_of(graph))


def test_a_first_preview_knows_what_will_be_made_before_azure_has_told_any_address() -> None:
    """A real preview has no client id and no log account yet."""

    def program() -> None:
        later = RandomPassword("later", length=8).result
        Airflow("airflow", args(api_server_client_id=later, log_account_url=later))

    graph = record(program, preview=True)
    assert len(graph.resources) == 6
    assert graph.one("helm.sh/v3:Release", "airflow").inputs["name"] == "airflow"


def test_a_database_url_with_a_query_ends_the_program_without_showing_its_password() -> None:
    with pytest.raises(SettingsError, match="no query") as refusal:
        recorded(metadata_url=f"{CREDENTIALS['metadata_url']}?sslmode=require")
    assert "first-word" not in str(refusal.value)


@pytest.mark.parametrize(("sign_in", "password"), [("simple", None), ("entra", "fifth-word")])
def test_an_administrator_without_password_or_a_password_that_nobody_uses_is_refused(
    sign_in: str, password: str | None
) -> None:
    with pytest.raises(SettingsError, match=f"airflow.signIn: {sign_in}") as refusal:
        args(sign_in=sign_in, admin_password=password)
    assert "fifth-word" not in str(refusal.value)


def test_entra_sign_in_leaves_no_password_in_the_cluster() -> None:
    graph = recorded(sign_in="entra", admin_password=None)
    assert [each.name for each in graph.of("core/v1:Secret")] == ["airflow-keys", "airflow-metadata"]
    keys = graph.one("core/v1:Secret", "airflow-keys").inputs["stringData"]
    assert sorted(keys) == ["api-secret-key", "fernet-key", "jwt-secret"]
    assert "simple" not in str(release_of(graph).inputs["values"])
