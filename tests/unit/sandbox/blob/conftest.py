"""A storage account with two containers behind the real proxy and a real Azurite, and identities with a role on one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.identity import WorkloadIdentityCredential
from azure.storage.blob import BlobServiceClient

from sandbox.arm.tenant import TENANT_ID
from sandbox.blob.azurite import Azurite
from sandbox.blob.install import install
from sandbox.report import LineReport
from stacks.roles import BUILT_IN
from tests.engine.arm.cloud import GROUP, Cloud
from tests.engine.arm.examples import ENDPOINTS, HERE, NETWORK, VNET, assignment, endpoint_body, grant, subnet
from tests.unit.sandbox.blob.places import ACCOUNT, HOST, container
from tests.unit.sandbox.entra.running_azure import Resolver, RunningAzure, federate

ZONE = f"{NETWORK}/privateDnsZones/privatelink.blob.core.windows.net"
PRIVATE = f"{NETWORK}/privateEndpoints/pe-logs"
IDENTITIES = {
    "writer": ("Storage Blob Data Contributor", container("weather")),
    "reader": ("Storage Blob Data Reader", container("weather")),
    "other": ("Storage Blob Data Contributor", container("mobility")),
    "operator": ("Storage Blob Data Reader", GROUP),
}
"""Name -> its role and where it has it."""


@pytest.fixture(scope="package")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAzure]:
    made = RunningAzure(tmp_path_factory.mktemp("sandbox"), azurite=install(LineReport()))
    yield made
    made.stop()
    Azurite(made.root).stop()


@pytest.fixture(scope="package")
def cloud(azure: RunningAzure) -> Cloud:
    cloud = azure.start()
    cloud.made(GROUP, HERE)
    cloud.made(VNET, {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}})
    cloud.made(ENDPOINTS, subnet("10.0.0.0/24"))
    cloud.made(ZONE, {"location": "global"})
    cloud.made(ACCOUNT, {**HERE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}})
    for name in ("weather", "mobility"):
        cloud.made(container(name), {"properties": {}})
    open_endpoint(cloud)
    return cloud


def open_endpoint(cloud: Cloud) -> None:
    """The private endpoint of the account, with its names in DNS."""
    cloud.made(PRIVATE, endpoint_body(ACCOUNT, "blob"))
    config = {"name": "blob", "properties": {"privateDnsZoneId": ZONE}}
    cloud.made(f"{PRIVATE}/privateDnsZoneGroups/default", {"properties": {"privateDnsZoneConfigs": [config]}})


@pytest.fixture(scope="package")
def identities(azure: RunningAzure, cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Name -> properties of an identity with a federated credential for the account `tests/<name>` and its role."""
    made = {}
    for number, (name, (role, scope)) in enumerate(IDENTITIES.items()):
        made[name] = federate(cloud, azure, f"id-{name}", f"system:serviceaccount:tests:{name}")
        cloud.made(assignment(scope, number), grant(made[name]["principalId"], BUILT_IN[role]))
    return made


@pytest.fixture(autouse=True)
def as_in_a_pod(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and trust as pods have them, for tests that speak to the process."""
    if "azure" not in request.fixturenames:
        return
    azure: RunningAzure = request.getfixturevalue("azure")
    request.getfixturevalue("cloud")
    azure.await_name(HOST)
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(azure))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.trusted))


@pytest.fixture
def storage(
    azure: RunningAzure, identities: dict[str, dict[str, Any]], tmp_path: Path
) -> Callable[[str], BlobServiceClient]:
    """Makes the real client of one of the identities."""

    def make(name: str) -> BlobServiceClient:
        file = tmp_path / name
        file.write_text(azure.assertion(f"system:serviceaccount:tests:{name}"))
        credential = WorkloadIdentityCredential(
            tenant_id=TENANT_ID, client_id=identities[name]["clientId"], token_file_path=str(file)
        )
        return BlobServiceClient(f"https://{HOST}", credential, retry_total=0)

    return make
