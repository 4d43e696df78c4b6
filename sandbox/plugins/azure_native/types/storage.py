"""Storage accounts and their blob service."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_ACCOUNT = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers"
    "/Microsoft.Storage/storageAccounts/{accountName}"
)
_VERSION = "2024-01-01"

ROWS = (
    ResourceType(
        type="azure-native:storage:StorageAccount",
        api_version=_VERSION,
        path=_ACCOUNT,
        envelope=words("extendedLocation identity kind location sku tags"),
        properties=words(
            "accessTier allowBlobPublicAccess allowCrossTenantReplication allowSharedKeyAccess allowedCopyScope"
            " azureFilesIdentityBasedAuthentication customDomain defaultToOAuthAuthentication dnsEndpointType"
            " enableExtendedGroups enableHttpsTrafficOnly enableNfsV3 encryption immutableStorageWithVersioning"
            " isHnsEnabled isLocalUserEnabled isSftpEnabled keyPolicy largeFileSharesState minimumTlsVersion"
            " networkRuleSet publicNetworkAccess routingPreference sasPolicy"
        ),
        required=words("kind sku"),
        force_new=words("isHnsEnabled"),
        renames={
            "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
            "enableNfsV3": "isNfsV3Enabled",
            "encryption.identity.encryptionUserAssignedIdentity": "userAssignedIdentity",
            "encryption.keyVaultProperties": "keyvaultproperties",
            "networkRuleSet": "networkAcls",
            "networkRuleSet.ipRules.iPAddressOrRange": "value",
            "networkRuleSet.virtualNetworkRules.virtualNetworkResourceId": "id",
        },
    ),
    ResourceType(
        type="azure-native:storage:BlobContainer",
        api_version=_VERSION,
        path=_ACCOUNT + "/blobServices/default/containers/{containerName}",
        properties=words(
            "defaultEncryptionScope denyEncryptionScopeOverride enableNfsV3AllSquash enableNfsV3RootSquash"
            " immutableStorageWithVersioning metadata publicAccess"
        ),
    ),
    ResourceType(
        type="azure-native:storage:BlobServiceProperties",
        api_version=_VERSION,
        path=_ACCOUNT + "/blobServices/{blobServicesName}",
        properties=words(
            "automaticSnapshotPolicyEnabled changeFeed containerDeleteRetentionPolicy cors defaultServiceVersion"
            " deleteRetentionPolicy isVersioningEnabled lastAccessTimeTrackingPolicy restorePolicy"
        ),
        own_name="default",
        singleton=True,
        delete="keep",
    ),
    ResourceType(
        type="azure-native:storage:ManagementPolicy",
        api_version=_VERSION,
        path=_ACCOUNT + "/managementPolicies/{managementPolicyName}",
        properties=words("policy"),
        required=words("policy"),
        own_name="default",
    ),
)
