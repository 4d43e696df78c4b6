"""PgBouncer's own component: who may connect, what is opened, and that no secret is plain."""

from __future__ import annotations

import configparser
import json

import pulumi
import pytest

from components.namespace import PLATFORM
from components.pgbouncer import PgBouncer, PgBouncerArgs, base_configuration, host
from stacks.model import Resources
from tests.harness import Graph, record
from tests.pod_rules import credentials_in_env, not_hardened

PASSWORD = "p@ss/word:1"  # noqa: S105


@pytest.fixture(scope="module")
def graph() -> Graph:
    def program() -> None:
        args = PgBouncerArgs(
            namespace=PLATFORM,
            image="registry.example.org/pgbouncer:1.26.1",
            sidecar_image="registry.example.org/airflow:1",
            version="1.26.1-1",
            replicas=3,
            max_client_conn=1000,
            runtime_pool_size=40,
            reserve_pool_size=10,
            resources=Resources(cpu="250m", memory="256Mi"),
            database_host="db.example.org",
            database_name="airflow",
            database_range="10.40.17.0/28",
            runtime_client_id="client",
            runtime_object_id="object",
            runtime_password=pulumi.Output.secret(PASSWORD),
            salt="c2FsdA==",
        )
        bouncer = PgBouncer("pgbouncer", args)
        pulumi.export("url", bouncer.runtime_url)
        pulumi.export("port", bouncer.port)

    return record(program)


def template(graph: Graph) -> dict[str, object]:
    found: dict[str, object] = graph.one("apps/v1:Deployment", "pgbouncer").inputs["spec"]["template"]
    return found


def settings() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(base_configuration(1000))
    return parser["pgbouncer"]


def test_the_url_of_schedulers_survives_special_characters_and_stays_secret(graph: Graph) -> None:
    expected = f"postgresql+psycopg2://ariel_runtime:p%40ss%2Fword%3A1@{host()}:6432/ariel_runtime"
    assert graph.outputs["url"] == expected
    assert ("url",) in graph.secret_outputs
    assert graph.outputs["port"] == 6432


def test_the_password_stands_nowhere_and_its_verifier_only_in_a_secret(graph: Graph) -> None:
    assert not any(PASSWORD in json.dumps(each.inputs) for each in graph.resources)
    holders = [each for each in graph.resources if "SCRAM-SHA-256$" in json.dumps(each.inputs)]
    assert [each.type for each in holders] == ["kubernetes:core/v1:Secret"]
    assert holders[0].is_secret("stringData", "role.json")


def test_the_shared_role_is_described_as_a_tenants_role_is(graph: Graph) -> None:
    document = json.loads(graph.one("core/v1:Secret", "pgbouncer-runtime").inputs["stringData"]["role.json"])
    assert set(document) == {"ariel_runtime"}
    role = document["ariel_runtime"]
    assert (role["poolSize"], role["reservePoolSize"], role["clientId"]) == (40, 10, "client")


def test_both_containers_are_hardened_and_carry_no_credential(graph: Graph) -> None:
    specs = {"pgbouncer": template(graph)["spec"]}
    assert not_hardened(specs) == []  # type: ignore[arg-type]
    assert credentials_in_env(specs) == []  # type: ignore[arg-type]


def test_pgbouncer_starts_only_when_the_first_token_is_there(graph: Graph) -> None:
    (sidecar,) = template(graph)["spec"]["initContainers"]  # type: ignore[index]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["startupProbe"]["exec"]["command"] == ["test", "-f", "/run/ariel/ready"]
    assert sidecar["command"] == ["python", "-m", "ariel_runtime.token_refresher"]


def test_tokens_never_reach_a_disk_and_only_the_sidecar_holds_those_of_kubernetes_and_entra(graph: Graph) -> None:
    spec = template(graph)["spec"]
    shared = next(volume for volume in spec["volumes"] if volume["name"] == "shared")  # type: ignore[index]
    assert shared["emptyDir"]["medium"] == "Memory"
    (main,) = spec["containers"]  # type: ignore[index]
    assert [each["name"] for each in main["volumeMounts"]] == ["shared"]
    annotations = template(graph)["metadata"]["annotations"]  # type: ignore[index]
    assert annotations["azure.workload.identity/skip-containers"] == "pgbouncer"


def test_both_sides_have_one_uid_since_the_console_knows_its_administrator_by_it(graph: Graph) -> None:
    spec = template(graph)["spec"]
    assert spec["securityContext"]["runAsUser"] == 50000  # type: ignore[index]
    everyone = [*spec["containers"], *spec["initContainers"]]  # type: ignore[index]
    assert not any("runAsUser" in each["securityContext"] for each in everyone)


def test_a_rollout_never_opens_more_pools_than_the_database_was_counted_for(graph: Graph) -> None:
    deployment = graph.one("apps/v1:Deployment", "pgbouncer").inputs["spec"]
    assert deployment["replicas"] == 3
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    assert graph.one("PodDisruptionBudget", "pgbouncer").inputs["spec"]["maxUnavailable"] == 1


def test_task_pods_cannot_connect_and_no_tenant_is_named(graph: Graph) -> None:
    rules = graph.one("NetworkPolicy", "pgbouncer").inputs["spec"]["ingress"]
    clients = json.dumps([rule["from"] for rule in rules if rule["ports"][0]["port"] == 6432])
    assert "tasks" not in clients
    assert {"scheduler", "api-server", "dag-processor", "triggerer"} <= set(json.dumps(clients).split('\\"'))


def test_only_declared_pools_open_server_connections() -> None:
    assert (settings()["default_pool_size"], settings()["reserve_pool_size"]) == ("1", "0")
    assert "[databases]" not in base_configuration(100)


def test_the_database_is_verified_in_full_and_an_expired_token_does_not_hang_clients() -> None:
    found = settings()
    assert (found["server_tls_sslmode"], found["pool_mode"]) == ("verify-full", "transaction")
    assert int(found["query_wait_timeout"]) < 120
    assert int(found["server_login_retry"]) == 1


def test_nobody_administers_pgbouncer_over_the_network() -> None:
    assert "admin_users" not in settings()
    assert settings()["unix_socket_dir"] == "/run/pgbouncer"
