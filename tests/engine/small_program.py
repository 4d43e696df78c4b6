"""A small program with several kinds of resources, among them those that Azure writes only one at a time."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_azure_native as azure_native
import pulumi_random as random
from pulumi_azure_native import authorization, dbforpostgresql, keyvault, managedidentity, network, resources

from cli.engine import PROJECT_NAME, Engine
from sandbox.lifecycle import Sandbox

SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
TENANT = "11111111-1111-4111-8111-111111111111"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
"""Id of the built-in role Reader (Azure, "Azure built-in roles")."""

PARTS = 12
"""Azure resources of one set, its group apart."""


@dataclass(frozen=True)
class SmallStack:
    """One stack of the small program in a sandbox's Azure; each of `sets` is a resource group with all kinds in it."""

    sandbox: Sandbox
    name: str
    sets: Sequence[str]

    def engine(self) -> Engine:
        folder = self.sandbox.paths.project / self.name
        folder.mkdir(exist_ok=True)
        (folder / "Pulumi.yaml").write_text(f"name: {PROJECT_NAME}\nruntime: python\n")
        return Engine(self.name, folder, self.sandbox.environment(), program(self.sets))

    def ids(self) -> list[str]:
        """Lower-case ids of the Azure resources in the state."""
        state = self.engine().state().resources
        return sorted(
            each["id"].lower()
            for each in state
            if each["type"].startswith("azure-native:") and each["id"].startswith("/subscriptions/")
        )


def program(sets: Sequence[str]) -> Callable[[], None]:
    """The program; logical names begin with a set's name, physical ones end with it."""

    def small() -> None:
        azure = azure_native.Provider("azure", subscription_id=SUBSCRIPTION, tenant_id=TENANT)
        for name in sets:
            _set(name, pulumi.ResourceOptions(provider=azure))

    return small


def _set(name: str, opts: pulumi.ResourceOptions) -> None:
    group = resources.ResourceGroup(f"{name}-group", resource_group_name=f"rg-{name}", location="westeurope", opts=opts)
    place: Mapping[str, Any] = {"resource_group_name": group.name, "location": "westeurope"}
    random.RandomPassword(f"{name}-password", length=24)
    _network(name, place, opts)
    _identity(name, group, place, opts)
    keyvault.Vault(
        f"{name}-vault",
        vault_name=f"kv-{name}",
        properties=keyvault.VaultPropertiesArgs(
            tenant_id=TENANT,
            sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
            enable_rbac_authorization=True,
        ),
        **place,
        opts=opts,
    )
    _server(name, group, place, opts)


def _network(name: str, place: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
    """Both subnets are written at the same time, which Azure refuses."""
    vnet = network.VirtualNetwork(
        f"{name}-vnet",
        virtual_network_name=f"vnet-{name}",
        address_space=network.AddressSpaceArgs(address_prefixes=["10.0.0.0/16"]),
        **place,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["subnets"])),
    )
    for number in range(2):
        network.Subnet(
            f"{name}-subnet-{number}",
            subnet_name=f"snet-{number}",
            virtual_network_name=vnet.name,
            resource_group_name=place["resource_group_name"],
            address_prefix=f"10.0.{number}.0/24",
            opts=opts,
        )


def _identity(
    name: str, group: resources.ResourceGroup, place: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> None:
    """Credentials written at the same time, and a role for the new principal."""
    identity = managedidentity.UserAssignedIdentity(f"{name}-identity", resource_name_=f"id-{name}", **place, opts=opts)
    for number in range(3):
        managedidentity.FederatedIdentityCredential(
            f"{name}-credential-{number}",
            federated_identity_credential_resource_name=f"fic-{number}",
            resource_name_=identity.name,
            resource_group_name=place["resource_group_name"],
            issuer="https://issuer.example",
            subject=f"system:serviceaccount:{name}:account-{number}",
            audiences=["api://AzureADTokenExchange"],
            opts=opts,
        )
    authorization.RoleAssignment(
        f"{name}-role",
        role_assignment_name=str(uuid.uuid5(uuid.UUID(SUBSCRIPTION), name)),
        scope=group.id,
        role_definition_id=f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{READER}",
        principal_id=identity.principal_id,
        principal_type="ServicePrincipal",
        opts=opts,
    )


def _server(name: str, group: resources.ResourceGroup, place: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
    """Two databases are made at the same time, which Azure refuses."""
    server = dbforpostgresql.Server(
        f"{name}-server",
        server_name=f"psql-{name}",
        version="17",
        sku=dbforpostgresql.SkuArgs(name="Standard_B2s", tier="Burstable"),
        storage=dbforpostgresql.StorageArgs(storage_size_gb=32),
        availability_zone="1",
        administrator_login="owner",
        administrator_login_password=pulumi.Output.secret("Long-enough-4-Azure"),
        **place,
        opts=opts,
    )
    for number in range(2):
        dbforpostgresql.Database(
            f"{name}-database-{number}",
            database_name=f"db{number}",
            server_name=server.name,
            resource_group_name=group.name,
            opts=opts,
        )
