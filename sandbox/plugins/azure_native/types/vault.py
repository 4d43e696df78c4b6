"""Key vaults and secrets. Their inputs carry `properties` themselves: nothing is flattened."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_VAULT = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.KeyVault/vaults/{vaultName}"
)

ROWS = (
    ResourceType(
        type="azure-native:keyvault:Vault",
        api_version="2024-11-01",
        path=_VAULT,
        envelope=words("location properties tags"),
        flat=False,
        required=words("properties"),
        write_only=words("properties.createMode"),
        shared=words("properties.accessPolicies"),
    ),
    ResourceType(
        type="azure-native:keyvault:Secret",
        api_version="2024-11-01",
        path=_VAULT + "/secrets/{secretName}",
        envelope=words("properties tags"),
        flat=False,
        required=words("properties"),
        write_only=words("properties.value"),
        renames={"properties.attributes.expires": "exp", "properties.attributes.notBefore": "nbf"},
    ),
)
