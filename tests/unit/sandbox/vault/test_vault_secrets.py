"""Secrets with the real client library and Airflow's own secrets backend: a tenant reads its own vault only."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient

from sandbox.arm.tenant import TENANT_ID
from stacks.roles import BUILT_IN
from tests.engine.arm.cloud import GROUP, Cloud
from tests.engine.arm.examples import (
    ENDPOINTS,
    HERE,
    NETWORK,
    VAULT_ZONE,
    VNET,
    assignment,
    endpoint_body,
    grant,
    subnet,
    vault_body,
)
from tests.unit.sandbox.entra.running_azure import Resolver, RunningAzure, federate

Client = Callable[[str, str], SecretClient]
Person = Callable[[str], SecretClient]
VALUE = "a-value-that-only-weather-may-see"


def vault(tenant: str) -> str:
    return f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-{tenant}"


def host(tenant: str) -> str:
    return f"kv-{tenant}.vault.azure.net"


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAzure]:
    made = RunningAzure(tmp_path_factory.mktemp("sandbox"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def cloud(azure: RunningAzure) -> Cloud:
    cloud = azure.start()
    cloud.made(GROUP, HERE)
    cloud.made(VNET, {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}})
    cloud.made(ENDPOINTS, subnet("10.0.0.0/24"))
    cloud.made(VAULT_ZONE, {"location": "global"})
    for tenant in ("weather", "mobility"):
        cloud.made(vault(tenant), vault_body())
        cloud.made(f"{NETWORK}/privateEndpoints/pe-{tenant}", endpoint_body(vault(tenant), "vault"))
        zone = {"name": "vault", "properties": {"privateDnsZoneId": VAULT_ZONE}}
        cloud.made(
            f"{NETWORK}/privateEndpoints/pe-{tenant}/privateDnsZoneGroups/default",
            {"properties": {"privateDnsZoneConfigs": [zone]}},
        )
    cloud.made(f"{vault('weather')}/secrets/airflow-variables-key", {"properties": {"value": VALUE}})
    return cloud


@pytest.fixture(scope="module")
def identities(azure: RunningAzure, cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Tenant -> its identity, which may read the secrets of its own vault."""
    made = {}
    for number, tenant in enumerate(("weather", "mobility")):
        made[tenant] = federate(cloud, azure, f"id-{tenant}", f"system:serviceaccount:tests:{tenant}")
        cloud.made(
            assignment(vault(tenant), number), grant(made[tenant]["principalId"], BUILT_IN["Key Vault Secrets User"])
        )
    return made


@pytest.fixture(autouse=True)
def as_in_a_pod(azure: RunningAzure, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.await_name(host("weather"))
    azure.await_name(host("mobility"))
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(azure))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.trusted))


@pytest.fixture
def client(azure: RunningAzure, identities: dict[str, dict[str, Any]], tmp_path: Path) -> Client:
    """Makes the client of a tenant's identity for a tenant's vault."""
    return lambda tenant, whose: signed_in(azure, identities[tenant], tenant, whose, tmp_path)


def signed_in(azure: RunningAzure, identity: dict[str, Any], account: str, whose: str, folder: Path) -> SecretClient:
    file = folder / account
    file.write_text(azure.assertion(f"system:serviceaccount:tests:{account}"))
    credential = WorkloadIdentityCredential(
        tenant_id=TENANT_ID, client_id=identity["clientId"], token_file_path=str(file)
    )
    return SecretClient(f"https://{host(whose)}", credential, retry_total=0)


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


def test_airflows_backend_finds_a_variable_and_passes_over_an_absent_one(
    azure: RunningAzure, client: Client, identities: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client("weather", "weather")  # Leaves the assertion in its file.
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT_ID)
    monkeypatch.setenv("AZURE_CLIENT_ID", identities["weather"]["clientId"])
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "weather"))
    from airflow.providers.microsoft.azure.secrets.key_vault import AzureKeyVaultBackend

    backend = AzureKeyVaultBackend(vault_url=f"https://{host('weather')}")
    assert backend.get_variable("key") == VALUE
    assert backend.get_variable("absent") is None
    assert backend.get_conn_value("absent") is None


OFFICER, READER = "Key Vault Secrets Officer", "Key Vault Reader"
SET_ONLY = {
    "properties": {
        "roleName": "Writes secrets",
        "type": "CustomRole",
        "assignableScopes": [GROUP],
        "permissions": [{"dataActions": ["Microsoft.KeyVault/vaults/secrets/setSecret/action"]}],
    }
}


@pytest.fixture(scope="module")
def people(azure: RunningAzure, cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Who works with the secrets of weather's vault: one identity for each role."""
    definition = f"{GROUP}/providers/Microsoft.Authorization/roleDefinitions"
    set_only = "5b1a0f1e-8f5a-4f0f-9d5c-0f4c5a1e7b11"
    cloud.made(f"{definition}/{set_only}", SET_ONLY)
    made = {}
    for number, (who, role) in enumerate(
        {"officer": BUILT_IN[OFFICER], "reader": BUILT_IN[READER], "writer": set_only}.items(), start=7
    ):
        made[who] = federate(cloud, azure, f"id-{who}", f"system:serviceaccount:tests:{who}")
        cloud.made(assignment(vault("weather"), number), grant(made[who]["principalId"], role))
    return made


@pytest.fixture
def at_weathers(azure: RunningAzure, people: dict[str, dict[str, Any]], tmp_path: Path) -> Person:
    """Makes the client of one of the people for weather's vault."""
    return lambda who: signed_in(azure, people[who], who, "weather", tmp_path)


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


def test_the_request_log_holds_no_value(azure: RunningAzure, client: Client) -> None:
    client("weather", "weather").get_secret("airflow-variables-key")
    log = (azure.root / "arm" / "requests.jsonl").read_text()
    assert host("weather") in log
    assert VALUE not in log
