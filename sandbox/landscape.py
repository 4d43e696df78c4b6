"""What a stack file names but does not make: the emulated Azure needs it to stand before the first `up`.

In Azure it belongs to others: the hub network, the resources on which tenants are granted roles, the definition of the
role that no program may change, and the app registrations as which tenants speak.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.plugins.azure_native.types import TABLE
from stacks.naming import task_namespace
from stacks.roles import VAULT_WRITER, VAULT_WRITER_MAY, definition_id
from stacks.settings import Settings
from stacks.tenant import Identity, Tenant

_GROUP = re.compile(r"(/subscriptions/[^/]+/resourceGroups/[^/]+)(/.*)?", re.IGNORECASE)
_STORAGE = re.compile(r"(.+/storageAccounts/[^/]+)(/blobServices/default/containers/[^/]+)?", re.IGNORECASE)
_TAGS = {"managed-by": "others"}
_AUDIENCE = "api://AzureADTokenExchange"


@dataclass(frozen=True)
class Assumed:
    """One resource to write as it stands here, unless it is there already."""

    id: str
    api_version: str
    body: dict[str, Any]


def assumed(settings: Settings) -> Iterator[Assumed]:
    """All of them, each after what it stands in. Scopes of a type that the emulated ARM does not model are left out."""
    yield _secret_writer(settings.azure.subscription_id)
    location = settings.azure.location
    hub = settings.network.hub
    if hub is not None:
        space = {"addressSpace": {"addressPrefixes": list(hub.address_space)}}
        yield from _with_group(hub.virtual_network_id, location, "azure-native:network:VirtualNetwork", space)
    for scope in sorted(_granted(settings)):
        yield from _scope(scope, settings)


def registrations(settings: Settings, issuer: str) -> Iterator[Assumed]:
    """The federated applications of all tenants, each trusting the accounts `task` of those that name it.

    `issuer` is the cluster's. Left out are those with a certificate, whose public half only their owner has, and those
    of another Entra tenant, since there is one here.
    """
    subjects: dict[str, dict[str, None]] = {}
    for slug, tenant in settings.tenants.items():
        for each in tenant.applications.values():
            here = (each.tenant_id or settings.azure.tenant_id).lower() == settings.azure.tenant_id.lower()
            if here and each.certificate is None:
                account = f"system:serviceaccount:{task_namespace(slug)}:task"
                subjects.setdefault(each.client_id.lower(), {})[account] = None
    for client_id, named in subjects.items():
        credentials = [{"issuer": issuer, "subject": each, "audiences": [_AUDIENCE]} for each in named]
        yield Assumed(f"/_sandbox/applications/{client_id}", "", {"federatedCredentials": credentials})


def _secret_writer(subscription_id: str) -> Assumed:
    permissions = [{"actions": [], "notActions": [], "dataActions": [VAULT_WRITER_MAY], "notDataActions": []}]
    properties = {
        "roleName": VAULT_WRITER,
        "type": "CustomRole",
        "assignableScopes": [f"/subscriptions/{subscription_id}"],
        "permissions": permissions,
    }
    api_version = TABLE["azure-native:authorization:RoleDefinition"].api_version
    return Assumed(definition_id(subscription_id, VAULT_WRITER), api_version, {"properties": properties})


def _granted(settings: Settings) -> set[str]:
    tenants = settings.tenants.values()
    groups = (identity for tenant in tenants for identity in tenant.identities.values())
    blocks: list[Tenant | Identity] = [*tenants, *groups]
    return {grant.scope for block in blocks for grant in block.grants}


def _scope(scope: str, settings: Settings) -> Iterator[Assumed]:
    location = settings.azure.location
    storage = _STORAGE.fullmatch(scope)
    if storage:
        more = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        yield from _with_group(storage[1], location, "azure-native:storage:StorageAccount", {}, more)
    if storage and storage[2]:
        api_version = TABLE["azure-native:storage:BlobContainer"].api_version
        yield Assumed(scope, api_version, {"properties": {"publicAccess": "None"}})
    if "/Microsoft.KeyVault/vaults/" in scope:
        vault = {"tenantId": settings.azure.tenant_id, "sku": {"family": "A", "name": "standard"}}
        yield from _with_group(scope, location, "azure-native:keyvault:Vault", vault)


def _with_group(
    resource_id: str, location: str, kind: str, properties: dict[str, Any], more: dict[str, Any] | None = None
) -> Iterator[Assumed]:
    match = _GROUP.fullmatch(resource_id)
    if match is None:
        return
    body = {"location": location, "tags": _TAGS}
    yield Assumed(match[1], TABLE["azure-native:resources:ResourceGroup"].api_version, body)
    yield Assumed(resource_id, TABLE[kind].api_version, {**body, **(more or {}), "properties": properties})
