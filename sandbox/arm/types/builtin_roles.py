"""Built-in role definitions: id, name, what they allow (actions and data actions, as globs)."""

from __future__ import annotations

from dataclasses import dataclass

NETWORK = "Microsoft.Network/*"
EVERYTHING = "*"


@dataclass(frozen=True, kw_only=True)
class BuiltInRole:
    name: str
    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()


# Source: Azure built-in roles; ids from facts-azure section A, `stacks/roles.py` and the documentation's list.
BUILT_IN: dict[str, BuiltInRole] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": BuiltInRole(name="Owner", actions=(EVERYTHING,)),
    "b24988ac-6180-42a0-ab88-20f7382dd24c": BuiltInRole(name="Contributor", actions=(EVERYTHING,)),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": BuiltInRole(name="Reader", actions=("*/read",)),
    "4633458b-17de-408a-b874-0445c86b69e6": BuiltInRole(
        name="Key Vault Secrets User",
        data_actions=(
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ),
    ),
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": BuiltInRole(
        name="Key Vault Secrets Officer", data_actions=("Microsoft.KeyVault/vaults/secrets/*",)
    ),
    "a4417e6f-fecd-4de8-b567-7b0420556985": BuiltInRole(
        name="Key Vault Certificates Officer",
        actions=("Microsoft.KeyVault/*/read",),
        data_actions=("Microsoft.KeyVault/vaults/certificates/*", "Microsoft.KeyVault/vaults/certificatecas/*"),
    ),
    "21090545-7ca7-4776-b22c-e363652d74d2": BuiltInRole(
        name="Key Vault Reader",
        actions=("Microsoft.KeyVault/*/read",),
        data_actions=("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ),
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": BuiltInRole(
        name="Key Vault Administrator",
        actions=("Microsoft.KeyVault/*/read",),
        data_actions=("Microsoft.KeyVault/vaults/*",),
    ),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": BuiltInRole(
        name="Storage Blob Data Contributor",
        actions=("Microsoft.Storage/storageAccounts/blobServices/containers/*",),
        data_actions=("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*",),
    ),
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": BuiltInRole(
        name="Storage Blob Data Reader",
        actions=("Microsoft.Storage/storageAccounts/blobServices/containers/read",),
        data_actions=("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",),
    ),
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": BuiltInRole(
        name="AcrPull", actions=("Microsoft.ContainerRegistry/registries/pull/read",)
    ),
    "8311e382-0749-4cb8-b61a-304f252e45ec": BuiltInRole(
        name="AcrPush",
        actions=(
            "Microsoft.ContainerRegistry/registries/pull/read",
            "Microsoft.ContainerRegistry/registries/push/write",
        ),
    ),
    "4abbcc35-e782-43d8-92c5-2d3f1bd2253f": BuiltInRole(
        name="Azure Kubernetes Service Cluster User Role",
        actions=("Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",),
    ),
    "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8": BuiltInRole(
        name="Azure Kubernetes Service Cluster Admin Role",
        actions=("Microsoft.ContainerService/managedClusters/listCluster*Credential/action",),
    ),
    "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b": BuiltInRole(
        name="Azure Kubernetes Service RBAC Cluster Admin",
        data_actions=("Microsoft.ContainerService/managedClusters/*",),
    ),
    "3498e952-d568-435e-9b2c-8d77e338d7f7": BuiltInRole(
        name="Azure Kubernetes Service RBAC Admin", data_actions=("Microsoft.ContainerService/managedClusters/*",)
    ),
    "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb": BuiltInRole(
        name="Azure Kubernetes Service RBAC Writer", data_actions=("Microsoft.ContainerService/managedClusters/*",)
    ),
    "7f6c6a51-bcf8-42ba-9220-52d62157d7db": BuiltInRole(
        name="Azure Kubernetes Service RBAC Reader",
        data_actions=("Microsoft.ContainerService/managedClusters/*/read",),
    ),
    "4d97b98b-1d4f-4787-a291-c67834d212e7": BuiltInRole(name="Network Contributor", actions=(NETWORK,)),
    "b12aa53e-6015-4669-85d0-8515ebb3ae7f": BuiltInRole(
        name="Private DNS Zone Contributor",
        actions=("Microsoft.Network/privateDnsZones/*", "Microsoft.Network/virtualNetworks/join/action"),
    ),
    "f1a07417-d97a-45cb-824c-7a7467783830": BuiltInRole(
        name="Managed Identity Operator",
        actions=(
            "Microsoft.ManagedIdentity/userAssignedIdentities/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        ),
    ),
    "3913510d-42f4-4e42-8a64-420c390055eb": BuiltInRole(
        name="Monitoring Metrics Publisher", data_actions=("Microsoft.Insights/Metrics/Write",)
    ),
}
