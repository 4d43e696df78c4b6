"""Managed identities and their federated credentials."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_IDENTITY = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers"
    "/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}"
)

ROWS = (
    ResourceType(
        type="azure-native:managedidentity:UserAssignedIdentity",
        api_version="2023-01-31",
        path=_IDENTITY,
        envelope=words("location tags"),
    ),
    ResourceType(
        type="azure-native:managedidentity:FederatedIdentityCredential",
        api_version="2023-01-31",
        path=_IDENTITY + "/federatedIdentityCredentials/{federatedIdentityCredentialResourceName}",
        properties=words("audiences issuer subject"),
        required=words("audiences issuer subject"),
    ),
)
