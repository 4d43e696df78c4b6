"""Resource groups, role assignments, role definitions, locks."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_EXTENSION = "/{scope}/providers/Microsoft.Authorization"

ROWS = (
    ResourceType(
        type="azure-native:resources:ResourceGroup",
        api_version="2024-03-01",
        path="/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}",
        envelope=words("location managedBy tags"),
        required=words("location"),
    ),
    ResourceType(
        type="azure-native:authorization:RoleAssignment",
        api_version="2022-04-01",
        path=_EXTENSION + "/roleAssignments/{roleAssignmentName}",
        properties=words(
            "condition conditionVersion delegatedManagedIdentityResourceId description principalId principalType"
            " roleDefinitionId"
        ),
        required=words("principalId roleDefinitionId"),
        # roleDefinitionId is not in the published provider's list although ARM refuses to change it.
        force_new=words("principalId"),
    ),
    ResourceType(
        type="azure-native:authorization:RoleDefinition",
        api_version="2022-05-01-preview",
        path=_EXTENSION + "/roleDefinitions/{roleDefinitionId}",
        properties=words("assignableScopes description permissions roleName roleType"),
        renames={"roleType": "type"},
    ),
    ResourceType(
        type="azure-native:authorization:ManagementLockByScope",
        api_version="2020-05-01",
        path=_EXTENSION + "/locks/{lockName}",
        properties=words("level notes owners"),
        required=words("level"),
    ),
)
