"""A vault or a secret that is not to be had: the task fails or goes on to its next source, after so many requests.

Requests are counted where they arrive. Pauses and time-outs are made short here; how often is asked is not touched.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import Connection, Variable, timezone
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from ariel_runtime.secrets import key_vault
from azure.keyvault.secrets import SecretClient

from tests.engine.arm.cloud import SUBSCRIPTION
from tests.unit.sandbox.entra.running_azure import Resolver
from tests.unit.sandbox.vault.conftest import Task
from tests.unit.sandbox.vault.running_vaults import OFFICER, USER, Asked, RunningVaults, host, vault

SECRET, CONNECTION = "airflow-variables-city", "airflow-connections-warehouse"
TRIES = 4
"""One, and three more."""
TOKENS = "Microsoft.Entra/tokens"
LOOK_UPS: dict[str, Callable[[], Any]] = {
    "variable": lambda: Variable.get("city", default="of the DAG"),
    "connection": lambda: Connection.get("warehouse"),
}
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", autouse=True)
def admitted(running: RunningVaults) -> None:
    running.admit("officer", OFFICER, to="weather")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_vault, "_LONGEST_PAUSE_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def another_value_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next source but one of each look-up has something that must not be taken for the secret."""
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "of the environment")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://of-the-environment")


@pytest.fixture
def officer(vaults: RunningVaults) -> Iterator[SecretClient]:
    """May do all with weather's secrets, which are gone after the test."""
    client = vaults.client("officer", "weather")
    yield client
    vaults.cloud.client.delete("/_sandbox/faults")
    for each in list(client.list_properties_of_secrets()):
        client.begin_delete_secret(each.name).wait()
    for each in list(client.list_deleted_secrets()):
        client.purge_deleted_secret(each.name)


@pytest.fixture
def both_set(officer: SecretClient) -> None:
    officer.set_secret(SECRET, "of the vault")
    officer.set_secret(CONNECTION, "postgres://of-the-vault")


def refusals() -> list[str]:
    """What both look-ups say, which fail."""
    said = []
    for look_up in LOOK_UPS.values():
        with pytest.raises(AirflowSecretsBackendAccessDenied) as refused:
            look_up()
        said.append(str(refused.value))
    return said


def found() -> tuple[str, str | None]:
    return Variable.get("city"), Connection.get("warehouse").host


def until(happens: Callable[[], bool]) -> None:
    """The log has a request once it is answered, also where nobody waits for that any more."""
    give_up = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < give_up
        time.sleep(0.05)


FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "throttled for an hour": ({"action": "throttle", "retry_after": 3600}, 429),
    "down": ({"action": "fail", "status": 503, "code": "ServiceUnavailable"}, 503),
    "broken": ({"action": "fail"}, 500),
    "silent": ({"action": "drop", "when": "before"}, 0),
    "cut off while it answers": ({"action": "drop", "when": "after"}, 0),
}


@pytest.mark.parametrize(("fault", "status"), FAULTS.values(), ids=FAULTS)
def test_a_vault_that_fails_is_asked_four_times_and_no_other_value_stands_in(
    vaults: RunningVaults, both_set: None, task: Task, fault: dict[str, Any], status: int
) -> None:
    task("weather")
    vaults.fault(**fault)
    asked = Asked(vaults)
    variable, connection = refusals()
    until(lambda: len(asked.paths("weather")) >= vaults.struck())
    assert asked.paths("weather") == [f"/secrets/{name}/" for name in (SECRET, CONNECTION) for _ in range(TRIES)]
    assert set(asked.statuses("weather")) == {status}
    for said, name in ((variable, SECRET), (connection, CONNECTION)):
        assert host("weather") in said
        assert name in said
    vaults.cloud.client.delete("/_sandbox/faults")
    assert found() == ("of the vault", "of-the-vault"), "the task remembers a failure"


@pytest.mark.parametrize(("fault", "status"), FAULTS.values(), ids=FAULTS)
def test_a_vault_that_fails_three_times_gives_the_value_at_the_fourth(
    vaults: RunningVaults, both_set: None, task: Task, fault: dict[str, Any], status: int
) -> None:
    task("weather")
    vaults.fault(times=TRIES - 1, **fault)
    asked = Asked(vaults)
    assert Variable.get("city") == "of the vault"
    until(lambda: len(asked.paths("weather")) >= TRIES)
    assert sorted(asked.statuses("weather")) == sorted([status] * (TRIES - 1) + [200])


def hurry(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """So long a client waits for an answer from now on; what it signed in with is kept."""
    patience = key_vault._patience
    monkeypatch.setattr(key_vault, "_patience", lambda: {**patience(), "read_timeout": seconds})
    key_vault.vault_client.cache_clear()


def test_a_vault_that_answers_too_late_is_asked_four_times(
    vaults: RunningVaults, both_set: None, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = task("weather")
    assert backend.get_secret("none") is None, "signed in"
    hurry(monkeypatch, 0.5)
    del backend._vault
    vaults.fault("delay", seconds=1.5)
    asked = Asked(vaults)
    with pytest.raises(AirflowSecretsBackendAccessDenied, match="timed out"):
        Variable.get("city", default="of the DAG")
    until(lambda: len(asked.paths("weather")) >= vaults.struck())
    assert asked.paths("weather") == [f"/secrets/{SECRET}/"] * TRIES


class Unreachable(Resolver):
    """Weather's vault has no name any more, or one at which nobody listens; counts who asks for it."""

    port: int | None = None
    asked = 0

    def __call__(self, name: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if name != host("weather"):
            return super().__call__(name, port, *rest, **named)
        self.asked += 1
        if self.port is None:
            raise socket.gaierror(socket.EAI_NONAME, f"{name}: not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self.port))]


@pytest.mark.parametrize("listens", [None, 9], ids=["no such name", "nobody listens"])
def test_a_vault_that_cannot_be_reached_is_looked_for_four_times(
    vaults: RunningVaults, both_set: None, task: Task, monkeypatch: pytest.MonkeyPatch, listens: int | None
) -> None:
    task("weather")
    monkeypatch.setattr(Unreachable, "port", listens)
    monkeypatch.setattr(socket, "getaddrinfo", resolver := Unreachable(vaults.azure))
    assert all(host("weather") in said for said in refusals())
    assert resolver.asked == 2 * TRIES


SIGN_IN_FAULTS = {name: FAULTS[name] for name in ("throttled for an hour", "down", "silent")}


@pytest.mark.parametrize(("fault", "status"), SIGN_IN_FAULTS.values(), ids=SIGN_IN_FAULTS)
def test_where_no_token_is_to_be_had_entra_is_asked_four_times_and_no_other_value_stands_in(
    vaults: RunningVaults, both_set: None, task: Task, fault: dict[str, Any], status: int
) -> None:
    task("weather")
    vaults.fault(kind=TOKENS, **fault)
    asked = Asked(vaults)
    with pytest.raises(AirflowSecretsBackendAccessDenied, match=host("weather")):
        Variable.get("city", default="of the DAG")
    until(lambda: len(asked.signed_in()) >= vaults.struck())
    assert asked.signed_in() == [status] * TRIES
    assert asked.paths("weather") == []


def test_what_the_teams_code_sets_for_its_own_use_of_azure_does_not_change_who_asks(
    vaults: RunningVaults, both_set: None, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that speaks to a partner's directory by a secret sets this one for azure-identity."""
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "of a partner's directory")
    task("weather")
    assert Variable.get("city") == "of the vault"


def test_a_pod_without_an_identity_is_told_so_and_asks_for_no_other(
    vaults: RunningVaults, both_set: None, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    task("weather")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "")  # No `az` of whoever runs this.
    asked = Asked(vaults)
    for said in refusals():
        assert "DefaultAzureCredential failed to retrieve a token" in said
        assert "ManagedIdentityCredential" not in said, "the node's"
    assert asked.signed_in() == []
    assert asked.paths("weather") == []


OUT_OF_USE: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "disabled": (lambda: {"enabled": False}, "disabled secret"),
    "expired": (lambda: {"expires_on": timezone.utcnow() - HOUR}, "expired at"),
    "not yet valid": (lambda: {"not_before": timezone.utcnow() + HOUR}, "is not valid before"),
}


@pytest.mark.parametrize(("attributes", "said"), OUT_OF_USE.values(), ids=OUT_OF_USE)
def test_a_secret_that_is_out_of_use_ends_the_search_after_one_request(
    vaults: RunningVaults, officer: SecretClient, task: Task, attributes: Callable[[], dict[str, Any]], said: str
) -> None:
    officer.set_secret(SECRET, "of the vault", **attributes())
    officer.set_secret(CONNECTION, "postgres://of-the-vault", **attributes())
    task("weather")
    asked = Asked(vaults)
    variable, connection = refusals()
    for text, name in ((variable, SECRET), (connection, CONNECTION)):
        assert said in text
        assert name in text
        assert host("weather") in text
        assert "of the vault" not in text
    assert asked.paths("weather") == [f"/secrets/{SECRET}/", f"/secrets/{CONNECTION}/"]


def test_what_is_no_connection_ends_the_search_after_one_request(
    vaults: RunningVaults, officer: SecretClient, task: Task
) -> None:
    officer.set_secret(CONNECTION, json.dumps({"password": "hunter2"}))
    task("weather")
    asked = Asked(vaults)
    with pytest.raises(AirflowSecretsBackendAccessDenied, match="connection warehouse") as refused:
        Connection.get("warehouse")
    assert "hunter2" not in str(refused.value)
    assert asked.statuses("weather") == [200]


def test_a_secret_that_is_deleted_is_absent_and_one_that_is_recovered_is_back(
    vaults: RunningVaults, officer: SecretClient, both_set: None, task: Task
) -> None:
    """Where it is absent the repository is asked next, and then the environment: city is in both."""

    def next_task() -> tuple[tuple[str, str | None], list[int]]:
        task("weather")
        asked = Asked(vaults)
        return found(), asked.statuses("weather")

    of_vault, elsewhere = ("of the vault", "of-the-vault"), ("of the repository", "of-the-environment")
    assert next_task() == (of_vault, [200, 200])
    for name in (SECRET, CONNECTION):
        officer.begin_delete_secret(name).wait()
    assert next_task() == (elsewhere, [404, 404])
    for name in (SECRET, CONNECTION):
        officer.begin_recover_deleted_secret(name).wait()
    assert next_task() == (of_vault, [200, 200])
    for name in (SECRET, CONNECTION):
        officer.begin_delete_secret(name).wait()
        officer.purge_deleted_secret(name)
    assert next_task() == (elsewhere, [404, 404])


def test_a_vault_that_is_deleted_or_purged_does_not_look_like_an_empty_one(vaults: RunningVaults, task: Task) -> None:
    vaults.open("gone")
    vaults.admit("gone", USER, OFFICER, to="gone")
    vaults.client("gone", "gone").set_secret(SECRET, "of the vault")
    task("gone")
    assert Variable.get("city") == "of the vault"
    assert vaults.cloud.delete(vault("gone")).status_code in (200, 202, 204)
    purge = f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-gone/purge"
    for leave in (lambda: None, lambda: vaults.cloud.wait(vaults.cloud.send("POST", purge))):
        leave()
        task("gone")
        asked = Asked(vaults)
        assert all("VaultNotFound" in said for said in refusals())
        assert asked.statuses("gone") == [404, 404]
    assert vaults.cloud.send("POST", purge).status_code == 404, "it was purged"
