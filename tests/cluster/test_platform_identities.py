"""As whom a task speaks to Azure: by a provider's hook, by the SDK, and as an application that is not the team's.

And what it is told where Entra does not let it speak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest

from tests.cluster.running_platform import RunningPlatform
from tests.unit.sandbox.entra.own_certificate import OwnCertificate

TEAM: Final = "mobility"
FEDERATED: Final = "partner"
CERTIFIED: Final = "archive"
DAG_ID: Final = f"{TEAM}.identities.application"
PATIENT: Final = f"{TEAM}.identities.patient"
API_VERSION: Final = "2024-11-30"
"""Of managed identities."""
FILE: Final = "dags/identities_proof.py"
SOURCE: Final = f"""
import os
import time

from airflow.sdk import DAG, get_current_context, task


@task
def by_hook():
    from airflow.providers.microsoft.azure.hooks.wasb import WasbHook

    return sorted(WasbHook("proof_files").get_blobs_list_recursive("logs-{TEAM}"))


@task
def by_sdk():
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import BlobServiceClient

    client = BlobServiceClient(get_current_context()["dag_run"].conf["account"], DefaultAzureCredential())
    return sorted(client.get_container_client("logs-{TEAM}").list_blob_names())


@task(executor_config={{"ariel": {{"identity": "counts"}}}})
def as_group():
    return os.environ["AZURE_CLIENT_ID"]


@task(retries=0)
def as_application():
    from ariel_runtime import identity

    name = get_current_context()["dag_run"].conf["application"]
    return len(identity.application(name).get_token("https://storage.azure.com/.default").token)


@task(retries=0)
def until_it_may():
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    for refused in range(200):
        try:
            DefaultAzureCredential().get_token("https://storage.azure.com/.default")
        except ClientAuthenticationError as error:
            print(error.message)
            time.sleep(1)
        else:
            return refused
    raise TimeoutError


with DAG("{TEAM}.identities", schedule=None):
    by_hook() >> by_sdk() >> as_group()

with DAG("{DAG_ID}", schedule=None):
    as_application()

with DAG("{PATIENT}", schedule=None):
    until_it_may()
"""


@pytest.fixture(scope="module")
def account(platform: RunningPlatform) -> str:
    """Address of the storage account of logs."""
    resources = [str(each["id"]) for each in platform.workbench.arm(path="resources")]
    container = next(each for each in resources if each.endswith(f"/logs-{TEAM}"))
    return f"https://{container.split('/storageAccounts/')[1].split('/')[0]}.blob.core.windows.net"


@pytest.fixture(scope="module", autouse=True)
def dags(platform: RunningPlatform, account: str) -> Iterator[None]:
    connections = f"connections: {{proof_files: {{conn_type: wasb, host: '{account}'}}}}"
    platform.push(TEAM, {FILE: SOURCE, "connections.yaml": connections})
    yield
    platform.push(TEAM, {FILE: None, "connections.yaml": None})


@pytest.fixture
def registered(platform: RunningPlatform) -> Iterator[dict[str, Any]]:
    """The federated application as the stack's first `up` found it, which the test may register otherwise."""
    client = client_id(platform, FEDERATED)
    found = next(each for each in platform.workbench.arm(path="applications") if each["clientId"] == client)
    yield found
    register(platform, FEDERATED, found)


@pytest.fixture
def unfederated(platform: RunningPlatform) -> Iterator[Callable[[], None]]:
    """Takes from the account of the team's tasks the credential that lets it speak as its identity; gives it back."""
    account = f"system:serviceaccount:tasks-{TEAM}:task"
    (credential,) = [
        each for each in platform.workbench.arm(path="resources") if each["properties"].get("subject") == account
    ]
    asked: dict[str, Any] = {"path": credential["id"], "params": {"api-version": API_VERSION}}
    platform.workbench.azure("DELETE", **asked)

    def back() -> None:
        platform.workbench.azure("PUT", body={"properties": credential["properties"]}, **asked)

    yield back
    back()


def client_id(platform: RunningPlatform, name: str) -> str:
    return platform.session.settings.tenants[TEAM].applications[name].client_id


def register(platform: RunningPlatform, name: str, registration: Mapping[str, Any]) -> None:
    """As the application's owner does in Entra."""
    platform.workbench.arm(method="PUT", path=f"applications/{client_id(platform, name)}", body=registration)


def spoken_as(platform: RunningPlatform, name: str) -> tuple[str, str]:
    """The run of a task that asks for a token as that application, and how it ended."""
    run = platform.start_run(DAG_ID, {"application": name})
    return run, platform.ended(DAG_ID, run)


def test_hook_and_sdk_speak_as_the_team_without_a_secret(platform: RunningPlatform, account: str) -> None:
    dag_id = f"{TEAM}.identities"
    run = platform.start_run(dag_id, {"account": account})
    assert platform.ended(dag_id, run) == "success"
    by_hook, by_sdk = (set(platform.returned(dag_id, run, each)) for each in ("by_hook", "by_sdk"))
    assert by_hook
    # The log of the first task is there by then.
    assert by_hook <= by_sdk
    accounts = platform.get("serviceaccounts", f"tasks-{TEAM}")
    clients = {
        each["metadata"]["name"]: each["metadata"]["annotations"]["azure.workload.identity/client-id"]
        for each in accounts
        if "annotations" in each["metadata"]
    }
    assert platform.returned(dag_id, run, "as_group") == clients["task-counts"] != clients["task"]


def test_an_application_is_spoken_as_without_a_secret(platform: RunningPlatform) -> None:
    run, ended = spoken_as(platform, FEDERATED)
    assert ended == "success"
    assert platform.returned(DAG_ID, run, "as_application") > 100


def test_an_application_is_spoken_as_by_the_certificate_in_the_vault(platform: RunningPlatform) -> None:
    own = OwnCertificate()
    platform.set_secret(TEAM, "secret", "archive.pem", own.whole)
    register(platform, CERTIFIED, {"certificates": [own.public]})
    try:
        run, ended = spoken_as(platform, CERTIFIED)
        assert ended == "success"
        assert platform.returned(DAG_ID, run, "as_application") > 100
        register(platform, CERTIFIED, {"certificates": [OwnCertificate().public]})
        run, ended = spoken_as(platform, CERTIFIED)
        assert ended == "failed"
        assert "PRIVATE KEY" not in platform.log_with(DAG_ID, run, "as_application", "AADSTS700027")
    finally:
        platform.workbench.arm(method="DELETE", path=f"applications/{client_id(platform, CERTIFIED)}")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (None, "AADSTS70025"),
        ({"issuer": "https://elsewhere.example.org/"}, "AADSTS700211"),
        ({"subject": "system:serviceaccount:tasks-mobility:task-counts"}, "AADSTS700213"),
        ({"audiences": ["api://another"]}, "AADSTS700212"),
    ],
    ids=["no credential", "another issuer", "another account", "another audience"],
)
def test_what_entra_refuses_is_read_in_the_tasks_log(
    platform: RunningPlatform, registered: Mapping[str, Any], change: Mapping[str, Any] | None, code: str
) -> None:
    (credential,) = registered["federatedCredentials"]
    credentials = [] if change is None else [{**credential, **change}]
    register(platform, FEDERATED, {**registered, "federatedCredentials": credentials})
    run, ended = spoken_as(platform, FEDERATED)
    assert ended == "failed"
    platform.log_with(DAG_ID, run, "as_application", code)


def test_a_task_whose_own_credential_was_deleted_is_told_so_and_goes_on_once_it_is_back(
    platform: RunningPlatform, unfederated: Callable[[], None]
) -> None:
    """Without it the log cannot be stored either: until then it is read from the pod."""
    run = platform.start_run(PATIENT)
    platform.log_with(PATIENT, run, "until_it_may", "AADSTS70025")
    assert platform.run_state(PATIENT, run) == "running"
    unfederated()
    assert platform.ended(PATIENT, run) == "success"
    assert platform.returned(PATIENT, run, "until_it_may") > 0
    platform.log_with(PATIENT, run, "until_it_may", "AADSTS70025")
