"""Log Analytics, diagnostic settings, data collection."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers"
_EXTENSION = "/{resourceUri}/providers/Microsoft.Insights"

ROWS = (
    ResourceType(
        type="azure-native:operationalinsights:Workspace",
        api_version="2023-09-01",
        path=_GROUP + "/Microsoft.OperationalInsights/workspaces/{workspaceName}",
        envelope=words("identity location tags"),
        properties=words(
            "defaultDataCollectionRuleResourceId features forceCmkForQuery publicNetworkAccessForIngestion"
            " publicNetworkAccessForQuery retentionInDays sku workspaceCapping"
        ),
    ),
    ResourceType(
        type="azure-native:monitor:DiagnosticSetting",
        api_version="2021-05-01-preview",
        path=_EXTENSION + "/diagnosticSettings/{name}",
        properties=words(
            "eventHubAuthorizationRuleId eventHubName logAnalyticsDestinationType logs marketplacePartnerId metrics"
            " serviceBusRuleId storageAccountId workspaceId"
        ),
    ),
    ResourceType(
        type="azure-native:monitor:DataCollectionEndpoint",
        api_version="2022-06-01",
        path=_GROUP + "/Microsoft.Insights/dataCollectionEndpoints/{dataCollectionEndpointName}",
        envelope=words("identity kind location tags"),
        properties=words("description immutableId networkAcls"),
    ),
    ResourceType(
        type="azure-native:monitor:DataCollectionRule",
        api_version="2022-06-01",
        path=_GROUP + "/Microsoft.Insights/dataCollectionRules/{dataCollectionRuleName}",
        envelope=words("identity kind location tags"),
        properties=words("dataCollectionEndpointId dataFlows dataSources description destinations streamDeclarations"),
    ),
    ResourceType(
        type="azure-native:monitor:DataCollectionRuleAssociation",
        api_version="2022-06-01",
        path=_EXTENSION + "/dataCollectionRuleAssociations/{associationName}",
        properties=words("dataCollectionEndpointId dataCollectionRuleId description"),
    ),
)
