"""What may go, what may not, and what goes along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.arm.cloud import GROUP, SUBSCRIPTION, Clock, Cloud, code, running
from tests.engine.arm.examples import (
    CLUSTER,
    CLUSTER_IDENTITY,
    COLLECTION_RULE,
    CUSTOM_ROLE,
    DATABASE,
    ENDPOINT,
    ENDPOINTS,
    GROUP_ID,
    HERE,
    HUB,
    KUBELET_IDENTITY,
    NETWORK,
    NODES,
    PG_ZONE,
    RESOLVE,
    SECRETS_USER,
    SERVER,
    VAULT,
    VAULT_ZONE,
    VNET,
    assignment,
    build,
    endpoint_body,
    grant,
    link,
    role,
    subnet,
    vault_body,
)

DELETED_VAULT = f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-ariel-test"
LOCK = f"{GROUP}/providers/Microsoft.Authorization/locks/keep"

IN_USE = [
    (NODES, "InUseSubnetCannotBeDeleted"),
    (ENDPOINTS, "InUseSubnetCannotBeDeleted"),
    (DATABASE, "InUseSubnetCannotBeDeleted"),
    (RESOLVE, "InUseSubnetCannotBeDeleted"),
    (VNET, "InUseSubnetCannotBeDeleted"),
    (f"{NETWORK}/networkSecurityGroups/nsg", "InUseNetworkSecurityGroupCannotBeDeleted"),
    (f"{NETWORK}/natGateways/nat", "CannotDeleteNatGatewayAssociatedToSubnet"),
    (f"{NETWORK}/publicIPAddresses/pip", "PublicIPAddressCannotBeDeleted"),
    (PG_ZONE, "CannotDeleteResource"),
    (VAULT_ZONE, "CannotDeleteResource"),
    (f"{NETWORK}/dnsResolvers/resolver", "CannotDeleteResource"),
    (f"{NETWORK}/dnsForwardingRulesets/rules", "CannotDeleteResource"),
    (COLLECTION_RULE, "ResourceInUse"),
    (KUBELET_IDENTITY, "ResourceInUse"),
    (role(CUSTOM_ROLE), "RoleDefinitionHasAssignments"),
    (f"{CLUSTER}/agentPools/system", "InvalidParameter"),
    (SERVER, "ScopeLocked"),
    (GROUP, "ScopeLocked"),
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running(tmp_path_factory.mktemp("arm")) as cloud:
        build(cloud)
        yield cloud


@pytest.mark.parametrize(("path", "expected"), IN_USE, ids=[path.rsplit("/", 2)[-1] for path, _ in IN_USE])
def test_what_is_in_use_or_locked_cannot_go(everything: Cloud, path: str, expected: str) -> None:
    answer = everything.delete(path)
    assert answer.status_code in (400, 409)
    assert code(answer) == expected
    assert everything.get(path).status_code == 200


def test_a_network_with_peerings_or_links_cannot_go(cloud: Cloud) -> None:
    for vnet, prefix in ((VNET, "10.10.0.0/16"), (HUB, "10.20.0.0/16")):
        cloud.made(vnet, {**HERE, "properties": {"addressSpace": {"addressPrefixes": [prefix]}}})
    peering = f"{VNET}/virtualNetworkPeerings/to-hub"
    made = cloud.made(peering, {"properties": {"remoteVirtualNetwork": {"id": HUB}}})
    assert made["properties"]["peeringState"] == "Initiated"
    assert code(cloud.delete(VNET)) == "InUseVirtualNetworkCannotBeDeleted"
    assert code(cloud.delete(HUB)) == "InUseVirtualNetworkCannotBeDeleted"
    cloud.made(f"{HUB}/virtualNetworkPeerings/back", {"properties": {"remoteVirtualNetwork": {"id": VNET}}})
    assert cloud.get(peering).json()["properties"]["peeringState"] == "Connected"
    cloud.delete(peering)
    cloud.delete(f"{HUB}/virtualNetworkPeerings/back")
    cloud.made(VAULT_ZONE, {"location": "global"})
    cloud.made(f"{VAULT_ZONE}/virtualNetworkLinks/vnet", link(VNET))
    assert code(cloud.delete(VNET)) == "InUseVirtualNetworkCannotBeDeleted"
    assert cloud.delete(HUB).status_code == 202


def test_a_cluster_takes_its_pools_along(bare: Cloud) -> None:
    build(bare)
    assert bare.delete(CLUSTER).status_code == 202
    assert [found["id"] for found in bare.everything() if found["id"].startswith(CLUSTER)] == []
    assert bare.delete(NODES).status_code == 202


def test_an_endpoint_takes_its_interface_and_its_records_along(bare: Cloud) -> None:
    build(bare, until=f"{VAULT}/providers/Microsoft.Insights/diagnosticSettings/audit")
    record = bare.get(f"{VAULT_ZONE}/A/kv-ariel-test").json()
    endpoint = bare.get(ENDPOINT).json()["properties"]
    interface = endpoint["networkInterfaces"][0]["id"]
    address = endpoint["customDnsConfigs"][0]["ipAddresses"][0]
    assert record["properties"]["aRecords"] == [{"ipv4Address": address}]
    assert bare.get(interface).json()["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] == address
    bare.delete(ENDPOINT)
    assert bare.get(interface).status_code == 404
    assert bare.get(f"{VAULT_ZONE}/A/kv-ariel-test").status_code == 404


def test_a_group_with_something_that_others_use_stays(cloud: Cloud) -> None:
    other = f"{SUBSCRIPTION}/resourceGroups/rg-other"
    nsg = f"{other}/providers/Microsoft.Network/networkSecurityGroups/shared"
    cloud.made(other, HERE)
    cloud.made(nsg, {**HERE, "properties": {}})
    cloud.made(VNET, {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.10.0.0/16"]}}})
    cloud.made(NODES, subnet("10.10.0.0/22", networkSecurityGroup={"id": nsg}))
    answer = cloud.send("DELETE", other)
    assert answer.status_code == 202
    assert cloud.wait(answer) == "Failed"
    ended = cloud.client.get(answer.headers["Azure-AsyncOperation"]).json()
    assert ended["error"]["code"] == "ResourceGroupDeletionBlocked"
    assert cloud.get(nsg).status_code == 200
    assert cloud.get(other).json()["properties"]["provisioningState"] == "Succeeded"


def test_a_lock_on_the_group_keeps_what_is_inside_and_its_removal_frees_it(cloud: Cloud) -> None:
    cloud.made(CLUSTER_IDENTITY, HERE)
    cloud.made(LOCK, {"properties": {"level": "CanNotDelete"}})
    assert code(cloud.delete(CLUSTER_IDENTITY)) == "ScopeLocked"
    assert code(cloud.delete(GROUP)) == "ScopeLocked"
    assert cloud.put(CLUSTER_IDENTITY, {**HERE, "tags": {"still": "writable"}}).status_code == 200
    assert cloud.delete(LOCK).status_code == 200
    assert cloud.delete(CLUSTER_IDENTITY).status_code == 200


def test_a_read_only_lock_refuses_writes_too(cloud: Cloud) -> None:
    cloud.made(LOCK, {"properties": {"level": "ReadOnly"}})
    assert code(cloud.put(CLUSTER_IDENTITY, HERE)) == "ScopeLocked"


def test_a_deleted_vault_keeps_its_name_until_it_is_purged(cloud: Cloud) -> None:
    cloud.made(VAULT, vault_body())
    cloud.made(assignment(VAULT, 1), grant(GROUP_ID, SECRETS_USER, "Group"))
    assert cloud.delete(VAULT).status_code == 200
    again = cloud.put(VAULT, vault_body())
    assert (again.status_code, code(again)) == (409, "ConflictError")
    listed = cloud.client.get(f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/deletedVaults", params={"api-version": "x"})
    assert [vault["name"] for vault in listed.json()["value"]] == ["kv-ariel-test"]
    assert cloud.client.get(DELETED_VAULT).json()["properties"]["vaultId"] == VAULT
    purged = cloud.client.post(f"{DELETED_VAULT}/purge")
    assert purged.status_code == 202
    assert cloud.wait(purged) == "Succeeded"
    assert cloud.client.get(DELETED_VAULT).status_code == 404
    cloud.made(VAULT, vault_body())


def test_a_recovered_vault_has_its_secrets_again_but_not_its_roles(cloud: Cloud) -> None:
    cloud.made(VAULT, vault_body(enablePurgeProtection=True))
    cloud.made(f"{VAULT}/secrets/token", {"properties": {"value": "a-secret-value"}})
    cloud.made(assignment(VAULT, 1), grant(GROUP_ID, SECRETS_USER, "Group"))
    cloud.delete(VAULT)
    refused = cloud.client.post(f"{DELETED_VAULT}/purge")
    assert refused.status_code == 400
    cloud.made(VAULT, vault_body(createMode="recover"))
    assert cloud.get(f"{VAULT}/secrets/token").status_code == 200
    assert cloud.get(assignment(VAULT, 1)).status_code == 404


def test_a_deleted_vault_is_forgotten_after_its_retention(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock) as cloud:
        cloud.made(GROUP, HERE)
        cloud.made(VAULT, vault_body(softDeleteRetentionInDays=7))
        cloud.delete(VAULT)
        clock.now += 7 * 86400 + 1
        cloud.made(VAULT, vault_body(softDeleteRetentionInDays=7))


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("Microsoft.KeyVault/vaults/kv-ariel-test", vault_body(), "VaultAlreadyExists"),
        (
            "Microsoft.Storage/storageAccounts/starieltest",
            {**HERE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
            "StorageAccountAlreadyTaken",
        ),
        (
            "Microsoft.ContainerRegistry/registries/crarieltest",
            {**HERE, "sku": {"name": "Basic"}},
            "AlreadyInUse",
        ),
        (
            "Microsoft.DBforPostgreSQL/flexibleServers/psql-ariel-test",
            {
                **HERE,
                "sku": {"name": "Standard_B1ms", "tier": "Burstable"},
                "properties": {
                    "version": "17",
                    "authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled"},
                },
            },
            "ServerNameAlreadyExists",
        ),
    ],
)
def test_a_host_name_is_taken_for_every_group_and_subscription(
    cloud: Cloud, path: str, body: dict[str, object], expected: str
) -> None:
    foreign = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg"
    cloud.made(foreign, HERE)
    cloud.made(f"{foreign}/providers/{path}", body)
    answer = cloud.put(f"{GROUP}/providers/{path}", body)
    assert (answer.status_code, code(answer)) == (409, expected)


def test_a_premium_registry_alone_takes_private_endpoints(cloud: Cloud) -> None:
    registry = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crarieltest"
    cloud.made(VNET, {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.10.0.0/16"]}}})
    cloud.made(ENDPOINTS, subnet("10.10.4.0/24"))
    cloud.made(registry, {**HERE, "sku": {"name": "Standard"}})
    answer = cloud.put(f"{NETWORK}/privateEndpoints/pe", endpoint_body(registry, "registry"))
    assert code(answer) == "PrivateEndpointsNotSupported"
    cloud.made(registry, {**HERE, "sku": {"name": "Premium"}})
    made = cloud.made(f"{NETWORK}/privateEndpoints/pe", endpoint_body(registry, "registry"))
    hosts = [entry["fqdn"] for entry in made["properties"]["customDnsConfigs"]]
    assert hosts == ["crarieltest.westeurope.data.azurecr.io", "crarieltest.azurecr.io"]
