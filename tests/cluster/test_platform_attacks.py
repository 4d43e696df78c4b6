"""What a task of one team gets at of another team's, by code that it may put into its own repository: nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from components.airflow_values import API_SERVER_ACCOUNT
from components.namespace import PLATFORM
from components.pgbouncer import host
from tests.attacks import ATTACKER, ATTACKS, CONTROLS, VICTIM, dag_file
from tests.cluster.running_platform import RunningPlatform

FILE: Final = "dags/attacks.py"
RESOURCES: Final = (
    {"resource": "secrets"},
    {"resource": "configmaps"},
    {"resource": "pods"},
    {"resource": "serviceaccounts", "subresource": "token"},
)
ACCOUNTS: Final = (
    (f"tasks-{ATTACKER}", "task"),
    (f"parse-{ATTACKER}", "dag-processor"),
    (f"parse-{ATTACKER}", "triggerer"),
)
VALUES: Final = {ATTACKER: "of-mobility-itself", VICTIM: "of-weather-alone"}


@pytest.fixture(scope="module")
def outcomes(platform: RunningPlatform) -> Iterator[dict[str, tuple[bool, str]]]:
    """Name of an attack or control -> whether it was let, and what it gave or said."""
    for team, value in VALUES.items():
        platform.set_secret(team, "variable", "closed", value)
    platform.set_secret(VICTIM, "secret", "closed-token", VALUES[VICTIM])
    platform.push(ATTACKER, {FILE: dag_file(ATTACKER)})
    dag_id = f"{ATTACKER}.attacks"
    run = platform.start_run(dag_id, known(platform))
    assert platform.ended(dag_id, run) == "success"
    found = platform.returned(dag_id, run, "attack")
    yield {name: (each[0], each[1]) for name, each in found.items()}
    platform.push(ATTACKER, {FILE: None})


def known(platform: RunningPlatform) -> dict[str, Any]:
    """What everybody may know of the victim and the platform."""
    containers = [
        each["id"] for each in platform.workbench.arm(path="resources") if each["id"].endswith(f"/logs-{VICTIM}")
    ]
    account = containers[0].split("/storageAccounts/")[1].split("/")[0]

    def client(namespace: str, account: str) -> str:
        (found,) = [each for each in platform.get("serviceaccounts", namespace) if each["metadata"]["name"] == account]
        return str(found["metadata"]["annotations"]["azure.workload.identity/client-id"])

    def vault(team: str) -> str:
        return str(platform.airflow.call("GET", f"/ariel/secrets/{team}")["vault"])

    path = f"/api/v2/dags/{VICTIM}.diagnostics/dagRuns"
    (run,) = platform.airflow.call("GET", path, query={"limit": 1})["dag_runs"]

    return {
        "run": run["dag_run_id"],
        "vault": vault(VICTIM),
        "own_vault": vault(ATTACKER),
        "client": client(f"tasks-{VICTIM}", "task"),
        "group_client": client(f"tasks-{ATTACKER}", "task-counts"),
        "platform_client": client(PLATFORM, API_SERVER_ACCOUNT),
        "logs": f"https://{account}.blob.core.windows.net",
        "container": f"logs-{VICTIM}",
        "own_container": f"logs-{ATTACKER}",
        "pgbouncer": host(),
        "database": f"{platform.database}.postgres.database.azure.com",
    }


@pytest.mark.parametrize("name", CONTROLS)
def test_the_same_code_gets_at_the_teams_own(outcomes: dict[str, tuple[bool, str]], name: str) -> None:
    let, said = outcomes[name]
    assert let, said
    assert said in ("True", VALUES[ATTACKER])


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_by_its_layer(outcomes: dict[str, tuple[bool, str]], name: str) -> None:
    let, said = outcomes[name]
    assert not let, f"it was let: {said}"
    assert ATTACKS[name].says in said
    assert VALUES[VICTIM] not in said


@pytest.mark.parametrize("namespace", [f"tasks-{VICTIM}", f"parse-{VICTIM}", f"tasks-{ATTACKER}", PLATFORM])
@pytest.mark.parametrize("resource", RESOURCES, ids=str)
def test_the_accounts_of_a_team_may_ask_kubernetes_for_nothing(
    platform: RunningPlatform, namespace: str, resource: dict[str, str]
) -> None:
    reviews = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{home}:{account}",
                "groups": ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{home}"],
                "resourceAttributes": {"namespace": namespace, "verb": verb, **resource},
            },
        }
        for home, account in ACCOUNTS
        for verb in ("get", "list", "create")
    ]
    given = "\n---\n".join(map(json.dumps, reviews))
    path = "jsonpath={.spec.resourceAttributes.verb} by {.spec.user}: {.status.allowed}{'\\n'}"
    answers = platform.workbench.kubectl("create", "-f", "-", "-o", path, given=given).splitlines()
    assert len(answers) == len(reviews)
    assert [each for each in answers if not each.endswith(": false")] == []
