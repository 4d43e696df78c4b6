"""Secrets with the real client library and Airflow's own secrets backend: a tenant reads its own vault only."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
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

    def make(tenant: str, whose: str) -> SecretClient:
        file = tmp_path / tenant
        file.write_text(azure.assertion(f"system:serviceaccount:tests:{tenant}"))
        credential = WorkloadIdentityCredential(
            tenant_id=TENANT_ID, client_id=identities[tenant]["clientId"], token_file_path=str(file)
        )
        return SecretClient(f"https://{host(whose)}", credential, retry_total=0)

    return make


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


def test_the_request_log_holds_no_value(azure: RunningAzure, client: Client) -> None:
    client("weather", "weather").get_secret("airflow-variables-key")
    log = (azure.root / "arm" / "requests.jsonl").read_text()
    assert host("weather") in log
    assert VALUE not in log
