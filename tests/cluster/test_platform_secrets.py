"""A team's secrets on a running platform: set by the team, used by its tasks, and given to nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from uuid import uuid4

import pytest

from components.namespace import PLATFORM
from tests.cluster.running_platform import STACK, RunningPlatform

VALUE: Final = "correct-horse-battery"
VERSIONS: Final = tuple(letter * 20_000 for letter in "ABCD")
"""Of a secret that is rotated: long, and unlike each other in every character, so that half of two would be seen."""
READERS: Final = ("first", "second")
SOURCE: Final = """
import os
import time

from airflow.sdk import Connection, Variable, dag, get_current_context, task
from ariel_runtime import secrets


@task
def uses():
    conf = get_current_context()["dag_run"].conf
    warehouse = Connection.get(conf["connection"])
    token = secrets.get(conf["secret"])
    print("the token is", token)
    print("the password is", warehouse.password)
    return {
        "host": warehouse.host,
        "city": Variable.get(conf["variable"]),
        "again": [Variable.get(conf["variable"]) for _ in range(5)][-1],
        "token": len(token),
        "environment": os.environ["ARIEL_ENVIRONMENT"],
    }


@task(retries=0)
def reads():
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    conf = get_current_context()["dag_run"].conf
    return len(SecretClient(conf["vault"], DefaultAzureCredential()).get_secret(conf["name"]).value)


@task(retries=0)
def looks_up():
    conf = get_current_context()["dag_run"].conf
    os.environ["AIRFLOW_VAR_" + conf["variable"].upper()] = "of the environment"
    return Variable.get(conf["variable"], default="of the DAG")


@task(retries=0)
def watches():
    "The versions that it saw of a secret, each by its characters, until the last one; it remembers none."
    from ariel_runtime.secrets import backend

    backend.FOUND_SECONDS = 0.0
    conf = get_current_context()["dag_run"].conf
    seen = []
    give_up = time.monotonic() + 200
    while time.monotonic() < give_up and conf["last"] not in seen:
        value = secrets.get(conf["secret"])
        version = "".join(sorted(set(value))) + str(len(value))
        print("it is", version)
        if version not in seen[-1:]:
            seen.append(version)
        time.sleep(0.2)
    return seen


@dag(dag_id="SLUG.secrets", schedule=None)
def main():
    uses()


@dag(dag_id="SLUG.secrets.direct", schedule=None)
def direct():
    reads()


@dag(dag_id="SLUG.secrets.variable", schedule=None)
def variable():
    looks_up()


@dag(dag_id="SLUG.secrets.rotation", schedule=None)
def rotation():
    for reader in READERS:
        watches.override(task_id=reader)()


main()
direct()
variable()
rotation()
"""
FILE: Final = "dags/secrets_proof.py"
FILES: Final = {
    "connections.yaml": "connections: {proof.drive: {conn_type: http, host: drive-1, password: {secret: proof.token}}}",
    "variables.yaml": "proof_place: everywhere",
    f"variables.{STACK}.yaml": "proof_place: here",
}
TEAMS: Final = ("weather", "mobility")
VAULT_TYPE: Final = "Microsoft.KeyVault/secrets"


@pytest.fixture(scope="module", autouse=True)
def dags(platform: RunningPlatform) -> Iterator[None]:
    for slug in TEAMS:
        platform.push(slug, {FILE: SOURCE.replace("SLUG", slug).replace("READERS", repr(READERS)), **FILES})
    yield
    for slug in TEAMS:
        platform.push(slug, {FILE: None, **dict.fromkeys(FILES)})


@pytest.fixture
def vault_fails(platform: RunningPlatform) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Makes every request to a vault fail in that way until the test ends."""

    def fail(action: Mapping[str, Any]) -> None:
        rule = {"match": {"type": VAULT_TYPE}, "times": None, **action}
        platform.workbench.arm(method="PUT", path="faults", body={"rules": [rule]})

    yield fail
    platform.workbench.arm(method="DELETE", path="faults")


def listed(platform: RunningPlatform, team: str) -> dict[str, Any]:
    done = platform.workbench.ariel("secrets", "list", "--tenant", team, "--env", STACK, "--json")
    assert done.returncode == 0, done.stderr
    assert VALUE not in done.stdout
    return dict(json.loads(done.stdout))


def asked_of_vaults(platform: RunningPlatform, since: int) -> list[tuple[str, str, int]]:
    """(host, path, status) of each request to a vault's data plane, from that one on."""
    requests = platform.workbench.arm(path="requests")[since:]
    return [
        (each["host"], each["path"], each["status"])
        for each in requests
        if str(each.get("host", "")).endswith(".vault.azure.net")
    ]


def log_with(platform: RunningPlatform, dag_id: str, run: str, task: str, text: str) -> str:
    """The task's log once that stands in it. It shows no secret."""
    log = platform.log_with(dag_id, run, task, text)
    assert VALUE not in log
    return log


def test_a_team_sets_its_first_secrets_and_its_next_task_uses_them(platform: RunningPlatform) -> None:
    ids = {"connection": "proof.warehouse_db", "variable": "Proof_City", "secret": "proof.token"}
    platform.set_secret("weather", "connection", ids["connection"], f"postgres://ada:{VALUE}@db.example.org/x")
    platform.set_secret("weather", "variable", ids["variable"], "Hamburg")
    platform.set_secret("weather", "secret", ids["secret"], VALUE)
    assert {(each["kind"], each["id"]) for each in listed(platform, "weather")["secrets"]} >= set(ids.items())

    since = len(platform.workbench.arm(path="requests"))
    run = platform.start_run("weather.secrets", ids)
    assert platform.ended("weather.secrets", run) == "success"
    found = platform.returned("weather.secrets", run, "uses")
    assert found == {
        "host": "db.example.org",
        "city": "Hamburg",
        "again": "Hamburg",
        "token": len(VALUE),
        "environment": STACK,
    }
    log = log_with(platform, "weather.secrets", run, "uses", "the token is ***")
    assert "the password is ***" in log
    assert log.count("Asked the vault") == 3
    assert "Request URL" not in log
    given = [path for _, path, status in asked_of_vaults(platform, since) if status == 200]
    assert len(given) == 3, "a secret was read more than once"

    platform.set_secret("weather", "variable", ids["variable"], "Bremen")
    run = platform.start_run("weather.secrets", ids)
    assert platform.ended("weather.secrets", run) == "success"
    assert platform.returned("weather.secrets", run, "uses")["city"] == "Bremen"


def test_tasks_that_run_while_a_secret_is_rotated_see_whole_versions_and_then_the_newest(
    platform: RunningPlatform,
) -> None:
    """Half of a password, or none for a moment, would lock an account elsewhere."""
    dag_id, secret_id = "weather.secrets.rotation", "proof.rotated"
    seen = [f"{version[0]}{len(version)}" for version in VERSIONS]
    platform.set_secret("weather", "secret", secret_id, VERSIONS[0])
    run = platform.start_run(dag_id, {"secret": secret_id, "last": seen[-1]})
    for reader in READERS:
        platform.log_with(dag_id, run, reader, f"it is {seen[0]}")
    for version in VERSIONS[1:]:
        platform.set_secret("weather", "secret", secret_id, version)
    assert platform.ended(dag_id, run) == "success"
    for reader in READERS:
        found = platform.returned(dag_id, run, reader)
        assert (found[0], found[-1]) == (seen[0], seen[-1])
        assert found == [each for each in seen if each in found], "a half, or an old one after a newer one"


def test_a_line_in_the_repository_serves_the_next_task(platform: RunningPlatform) -> None:
    ids = {"connection": "proof.drive", "variable": "proof_place", "secret": "proof.token"}
    platform.set_secret("weather", "secret", ids["secret"], VALUE)

    def used() -> dict[str, Any]:
        run = platform.start_run("weather.secrets", ids)
        assert platform.ended("weather.secrets", run) == "success"
        log_with(platform, "weather.secrets", run, "uses", "the password is ***")
        return dict(platform.returned("weather.secrets", run, "uses"))

    assert (used()["host"], used()["city"]) == ("drive-1", "here")
    text = FILES["connections.yaml"].replace("drive-1", "drive-2")
    platform.push("weather", {"connections.yaml": text})
    platform.until(lambda: used()["host"] == "drive-2", "the mirror has the newest revision")
    platform.push("weather", {"connections.yaml": FILES["connections.yaml"]})


def test_what_is_missing_is_told_before_it_is_merged(platform: RunningPlatform) -> None:
    # On a platform that is kept an earlier run has set its own.
    name = f"proof_missing_{uuid4().hex}"
    folder = platform.repository("weather")
    file = folder / "dags" / "not_merged_yet.py"
    file.write_text(
        "from airflow.sdk import Variable, dag, task\n"
        "@dag(dag_id='weather.not_merged_yet', schedule=None)\n"
        "def main():\n"
        "    @task\n"
        "    def work():\n"
        f"        return Variable.get('{name}')\n"
        "    work()\n"
        "main()\n"
    )

    def checked() -> tuple[int, dict[str, Any]]:
        options = ("--tenant", "weather", "--env", STACK, "--repository", str(folder), "--only", "secrets", "--json")
        done = platform.ariel("dags", "check", *options)
        findings = json.loads(done.stdout)["findings"]
        return done.returncode, {each["id"]: each for each in findings}

    try:
        status, findings = checked()
        assert status == 1
        missing = findings[name]
        assert (missing["state"], missing["file"], missing["line"]) == ("missing", "dags/not_merged_yet.py", 6)
        platform.set_secret("weather", "variable", name, "now it is there")
        status, findings = checked()
        assert (status, findings[name]["state"]) == (0, "there"), findings
    finally:
        file.unlink()


def test_the_page_says_who_names_a_connection_and_tests_it_as_the_team(platform: RunningPlatform) -> None:
    connections = {
        "proof.folder": {"conn_type": "fs", "extra": {"path": "/opt/airflow", "token": VALUE}},
        "proof.silent": {"conn_type": "http", "host": "airflow.airflow.svc", "port": 1, "password": VALUE},
    }
    platform.until(lambda: platform.dag("weather.connections").get("is_stale") is False, "the DAG is parsed")

    def shown(conn_id: str) -> str:
        """The page after a test of that connection."""
        answer = platform.airflow.answer("POST", "/ariel/secrets/weather/runs", query={"connection": conn_id})
        assert (answer.status_code, answer.headers["location"]) == (303, "../?team=weather")
        platform.until(
            lambda: "It is being read now" not in page(platform, "weather"), "the run of the team's DAG ends"
        )
        return page(platform, "weather")

    for conn_id, connection in connections.items():
        platform.set_secret("weather", "connection", conn_id, json.dumps(connection))
        shown(conn_id)
    # A run is of the revision that was parsed last.
    commit = platform.push("weather", {})
    platform.until(lambda: f"read at revision {commit[:12]}" in shown("proof.folder"), "the newest revision is read")

    text = page(platform, "weather")
    lines = {conn_id: next(line for line in text.split("<tr>") if f"<td>{conn_id}<" in line) for conn_id in connections}
    assert "<td>fs<" in lines["proof.folder"]
    assert ">reached<" in lines["proof.folder"], lines
    assert "<td>http<" in lines["proof.silent"]
    assert ">failed<" in lines["proof.silent"], lines
    assert "airflow.airflow.svc" in lines["proof.silent"]
    line = 1 + SOURCE[: SOURCE.index("Connection.get")].count("\n")
    assert f"{FILE}:{line} names a connection that only a run would tell" in text
    assert VALUE not in text
    assert "proof.folder" not in page(platform, "mobility"), "a team's part shows nothing of another's"


def page(platform: RunningPlatform, team: str) -> str:
    answer = platform.airflow.answer("GET", "/ariel/secrets/", query={"team": team})
    assert answer.status_code == 200
    return answer.text


def test_another_teams_task_and_the_api_server_itself_cannot_read_it(platform: RunningPlatform) -> None:
    platform.set_secret("weather", "variable", "closed", VALUE)
    vault = listed(platform, "weather")["vault"]
    for team, ends in (("weather", "success"), ("mobility", "failed")):
        run = platform.start_run(f"{team}.secrets.direct", {"vault": vault, "name": "airflow-variables-closed"})
        assert platform.ended(f"{team}.secrets.direct", run) == ends
    refused = "Caller is not authorized to perform action on resource"
    log_with(platform, "mobility.secrets.direct", run, "reads", refused)

    program = (
        "from azure.identity import DefaultAzureCredential\n"
        "from azure.keyvault.secrets import SecretClient\n"
        "from azure.core.exceptions import HttpResponseError\n"
        f"client = SecretClient({vault!r}, DefaultAzureCredential())\n"
        "print(len(list(client.list_properties_of_secrets())) > 0)\n"
        "for refused in (lambda: client.get_secret('airflow-variables-closed'),\n"
        "                lambda: client.begin_delete_secret('airflow-variables-closed')):\n"
        "    try:\n"
        "        print(refused())\n"
        "    except HttpResponseError as error:\n"
        "        print(error.status_code)\n"
    )
    said = platform.run_in(PLATFORM, "deploy/airflow-api-server", "python", "-c", program, container="api-server")
    assert said.split() == ["True", "403", "403"]


def test_an_id_of_another_teams_is_refused_before_a_vault_is_asked(platform: RunningPlatform) -> None:
    since = len(platform.workbench.arm(path="requests"))
    dag_id = "mobility.secrets.variable"
    run = platform.start_run(dag_id, {"variable": "weather--closed"})
    assert platform.ended(dag_id, run) == "failed"
    log_with(platform, dag_id, run, "looks_up", "separates a team from its names")
    assert not [path for _, path, _ in asked_of_vaults(platform, since) if "closed" in path]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"action": "throttle", "retry_after": 1}, "The fault schedule says so"),
        ({"action": "fail", "status": 503, "code": "ServiceUnavailable"}, "was not given"),
        ({"action": "drop", "when": "before"}, "was not given"),
    ],
    ids=["throttled", "down", "silent"],
)
def test_no_other_value_stands_in_for_a_vault_that_fails(
    platform: RunningPlatform,
    vault_fails: Callable[[Mapping[str, Any]], None],
    fault: Mapping[str, Any],
    said: str,
) -> None:
    vault_fails(fault)
    dag_id = "weather.secrets.variable"
    run = platform.start_run(dag_id, {"variable": "somewhere_else"})
    assert platform.ended(dag_id, run) == "failed"
    log_with(platform, dag_id, run, "looks_up", said)


def test_where_the_vault_has_none_the_environment_is_asked_next(platform: RunningPlatform) -> None:
    dag_id = "weather.secrets.variable"
    run = platform.start_run(dag_id, {"variable": "somewhere_else"})
    assert platform.ended(dag_id, run) == "success"
    assert platform.returned(dag_id, run, "looks_up") == "of the environment"
