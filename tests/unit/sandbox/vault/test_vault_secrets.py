"""Secrets with the real client library and Airflow's own secrets backend: a tenant reads its own vault only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from airflow.providers.microsoft.azure.secrets.key_vault import AzureKeyVaultBackend
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

from stacks.roles import VAULT_WRITER
from tests.unit.sandbox.vault.running_vaults import OFFICER, READER, RunningVaults, host, vault

Client = Callable[[str, str], SecretClient]
Person = Callable[[str], SecretClient]
VALUE = "a-value-that-only-weather-may-see"


@pytest.fixture(scope="module", autouse=True)
def secret(running: RunningVaults) -> None:
    running.cloud.made(f"{vault('weather')}/secrets/airflow-variables-key", {"properties": {"value": VALUE}})


@pytest.fixture
def client(vaults: RunningVaults) -> Client:
    """Makes the client of a tenant's identity for a tenant's vault."""
    return vaults.client


def test_a_tenant_reads_its_own_secret(client: Client) -> None:
    weather = client("weather", "weather")
    found = weather.get_secret("airflow-variables-key")
    assert found.value == VALUE
    assert weather.get_secret("airflow-variables-key", found.properties.version).value == VALUE


def test_a_tenant_does_not_read_another_tenants_secret(client: Client) -> None:
    with pytest.raises(HttpResponseError, match="not authorized") as refused:
        client("mobility", "weather").get_secret("airflow-variables-key")
    assert refused.value.status_code == 403
    assert VALUE not in str(refused.value)


def test_a_secret_that_is_absent_is_not_found(client: Client) -> None:
    for name, version in (("absent", None), ("airflow-variables-key", "0" * 32)):
        with pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
            client("weather", "weather").get_secret(name, version)


def test_airflows_backend_finds_a_variable_and_passes_over_an_absent_one(run_as: Callable[[str], None]) -> None:
    run_as("weather")
    backend = AzureKeyVaultBackend(vault_url=f"https://{host('weather')}")
    assert backend.get_variable("key") == VALUE
    assert backend.get_variable("absent") is None
    assert backend.get_conn_value("absent") is None


@pytest.fixture(scope="module")
def people(running: RunningVaults) -> None:
    """Who works with the secrets of weather's vault: one identity for each role."""
    for who, role in {"officer": OFFICER, "reader": READER, "writer": VAULT_WRITER}.items():
        running.admit(who, role, to="weather")


@pytest.fixture
def at_weathers(vaults: RunningVaults, people: None) -> Person:
    """Makes the client of one of the people for weather's vault."""
    return lambda who: vaults.client(who, "weather")


def test_an_officer_sets_lists_deletes_and_recovers(at_weathers: Person) -> None:
    officer = at_weathers("officer")
    expires = datetime(2099, 1, 1, tzinfo=UTC)
    first = officer.set_secret("Kept", "one", content_type="text", tags={"owner": "me"}, expires_on=expires)
    second = officer.set_secret("kept", "two")
    assert first.properties.version != second.properties.version
    assert officer.get_secret("KEPT").value == "two"
    assert (first.properties.content_type, first.properties.tags) == ("text", {"owner": "me"})
    assert first.properties.expires_on == expires
    officer.begin_delete_secret("kept").wait()
    with pytest.raises(ResourceNotFoundError):
        officer.get_secret("kept")
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        officer.set_secret("kept", "three")
    assert [each.name for each in officer.list_deleted_secrets()] == ["kept"]
    officer.begin_recover_deleted_secret("kept").wait()
    assert officer.get_secret("kept").value == "two"
    officer.begin_delete_secret("kept").wait()
    officer.purge_deleted_secret("kept")
    assert officer.set_secret("kept", "three").value == "three"
    officer.begin_delete_secret("kept").wait()
    officer.purge_deleted_secret("kept")


def test_many_secrets_are_listed_page_by_page_without_their_values(
    at_weathers: Person,
) -> None:
    officer, reader = at_weathers("officer"), at_weathers("reader")
    names = {f"many-{number:02}" for number in range(60)}
    for name in names:
        officer.set_secret(name, VALUE)
    found = list(reader.list_properties_of_secrets())
    assert names <= {each.name for each in found}
    assert len(found) == len({each.name for each in found})
    assert VALUE not in str([vars(each) for each in found])


def test_who_may_write_may_not_read_and_who_may_list_may_do_neither(
    at_weathers: Person,
) -> None:
    writer, reader = at_weathers("writer"), at_weathers("reader")
    assert writer.set_secret("delivered", VALUE).name == "delivered"
    refusals = [
        lambda: writer.get_secret("delivered"),
        lambda: list(writer.list_properties_of_secrets()),
        lambda: writer.begin_delete_secret("delivered"),
        lambda: reader.get_secret("delivered"),
        lambda: reader.set_secret("delivered", "another"),
    ]
    for refused in refusals:
        with pytest.raises(HttpResponseError, match="not authorized") as error:
            refused()
        assert error.value.status_code == 403


def test_a_value_that_no_vault_holds_is_refused(at_weathers: Person) -> None:
    officer = at_weathers("officer")
    assert officer.set_secret("large", "a" * 25_600).name == "large"
    with pytest.raises(HttpResponseError) as refused:
        officer.set_secret("larger", "é" * 12_801)
    assert refused.value.status_code == 400
    unicode = "schlüssel-鍵-🔑\n-----BEGIN-----"
    officer.set_secret("unicode", unicode)
    assert officer.get_secret("unicode").value == unicode


def test_a_disabled_secret_is_not_given(at_weathers: Person) -> None:
    officer = at_weathers("officer")
    officer.set_secret("switched-off", VALUE, enabled=False)
    with pytest.raises(HttpResponseError, match="disabled secret"):
        officer.get_secret("switched-off")


def test_the_request_log_holds_no_value(vaults: RunningVaults, client: Client) -> None:
    client("weather", "weather").get_secret("airflow-variables-key")
    log = (vaults.azure.root / "arm" / "requests.jsonl").read_text()
    assert host("weather") in log
    assert VALUE not in log
