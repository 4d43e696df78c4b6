"""Microsoft.Insights: diagnostic settings, data-collection endpoints, rules and associations."""

from __future__ import annotations

from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.fields import Field, walk
from sandbox.arm.spec import Location, Name, Reference, Scope, TypeSpec
from sandbox.arm.types.operationalinsights import WORKSPACE

ENDPOINT = "Microsoft.Insights/dataCollectionEndpoints"
RULE = "Microsoft.Insights/dataCollectionRules"
ASSOCIATION = "Microsoft.Insights/dataCollectionRuleAssociations"
SETTING = "Microsoft.Insights/diagnosticSettings"
COLLECTION_VERSIONS = ("2022-06-01", "2023-03-11", "2024-03-11")

BLOB_LOGS = frozenset({"StorageRead", "StorageWrite", "StorageDelete"})
NO_LOGS: frozenset[str] = frozenset()

# Source: Azure Monitor, "Supported resource log categories" and "Supported metrics": (logs, metrics) per type.
CATEGORIES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "microsoft.keyvault/vaults": (
        frozenset({"AuditEvent", "AzurePolicyEvaluationDetails"}),
        frozenset({"AllMetrics"}),
    ),
    "microsoft.dbforpostgresql/flexibleservers": (
        frozenset(
            {
                "PostgreSQLLogs",
                "PostgreSQLFlexSessions",
                "PostgreSQLFlexQueryStoreRuntime",
                "PostgreSQLFlexQueryStoreWaitStats",
                "PostgreSQLFlexTableStats",
                "PostgreSQLFlexDatabaseXacts",
                "PostgreSQLFlexPGBouncer",
            }
        ),
        frozenset({"AllMetrics"}),
    ),
    "microsoft.containerservice/managedclusters": (
        frozenset(
            {
                "kube-apiserver",
                "kube-audit",
                "kube-audit-admin",
                "kube-controller-manager",
                "kube-scheduler",
                "cluster-autoscaler",
                "cloud-controller-manager",
                "guard",
                "csi-azuredisk-controller",
                "csi-azurefile-controller",
                "csi-snapshot-controller",
            }
        ),
        frozenset({"AllMetrics"}),
    ),
    "microsoft.containerregistry/registries": (
        frozenset({"ContainerRegistryRepositoryEvents", "ContainerRegistryLoginEvents"}),
        frozenset({"AllMetrics"}),
    ),
    "microsoft.storage/storageaccounts": (NO_LOGS, frozenset({"Transaction", "Capacity", "AllMetrics"})),
    "microsoft.storage/storageaccounts/blobservices": (
        BLOB_LOGS,
        frozenset({"Transaction", "Capacity", "AllMetrics"}),
    ),
    "microsoft.network/virtualnetworks": (frozenset({"VMProtectionAlerts"}), frozenset({"AllMetrics"})),
    "microsoft.network/networksecuritygroups": (
        frozenset({"NetworkSecurityGroupEvent", "NetworkSecurityGroupRuleCounter"}),
        frozenset(),
    ),
    "microsoft.network/publicipaddresses": (
        frozenset({"DDoSProtectionNotifications", "DDoSMitigationFlowLogs", "DDoSMitigationReports"}),
        frozenset({"AllMetrics"}),
    ),
    "microsoft.network/natgateways": (NO_LOGS, frozenset({"AllMetrics"})),
    "microsoft.operationalinsights/workspaces": (
        frozenset({"Audit", "SummaryLogs", "Jobs"}),
        frozenset({"AllMetrics"}),
    ),
}

GROUPS = frozenset({"allLogs", "audit"})
SINKS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")


def _categories_are_known(change: Change) -> None:
    parent = change.id.parent
    assert parent is not None
    known = CATEGORIES.get(parent.type.lower())
    if known is None:
        raise change.invalid(f"The resource type '{parent.type}' does not support diagnostic settings.")
    for kind, names in (("logs", known[0]), ("metrics", known[1])):
        for item in change.properties.get(kind) or []:
            category, group = item.get("category"), item.get("categoryGroup")
            if (category is None) == (group is None):
                raise change.invalid(f"Each of '{kind}' needs either category or categoryGroup.")
            if category is not None and category not in names:
                raise change.invalid(f"Category '{category}' is not supported for '{parent.type}'.")
            if group is not None and (kind != "logs" or group not in GROUPS or not names):
                raise change.invalid(f"Category group '{group}' is not supported for '{parent.type}'.")


def _sink_is_given(change: Change) -> None:
    if not any(change.properties.get(sink) for sink in SINKS):
        raise change.invalid(f"At least one data sink needs to be specified: {', '.join(SINKS)}.")


def _at_most_five(change: Change) -> None:
    limit = change.world.limits.diagnostic_settings
    if change.before is None and len(change.siblings()) >= limit:
        raise change.invalid(f"The resource already has the maximum of {limit} diagnostic settings.", "Conflict", 409)


def _chosen(properties: dict[str, Any]) -> set[str]:
    items = [*(properties.get("logs") or []), *(properties.get("metrics") or [])]
    return {item.get("category") or item.get("categoryGroup") for item in items if item.get("enabled")}


def _sink_is_new(change: Change) -> None:
    """Source: 409 Conflict 'Data sink ... is already used', as seen in issue trackers, 2025."""
    for other in change.siblings():
        for sink in SINKS:
            mine, theirs = change.properties.get(sink), other.properties.get(sink)
            shared = sorted(_chosen(change.properties) & _chosen(other.properties))
            if mine and theirs and mine.lower() == theirs.lower() and shared:
                raise change.invalid(
                    f"Data sink '{mine}' is already used in diagnostic setting '{other.name}' for category "
                    f"'{shared[0]}'. Data sinks can't be reused in different settings on the same category for the "
                    "same resource.",
                    "Conflict",
                    409,
                )


def _flows_lead_somewhere(change: Change) -> None:
    """Every flow names destinations and streams that the rule declares. Source: data-collection rule structure."""
    destinations = {
        item["name"]
        for group in (change.get("properties.destinations") or {}).values()
        for item in (group if isinstance(group, list) else [group])
    }
    for place, name in walk(change.body, "properties.dataFlows[].destinations[]"):
        if name not in destinations:
            raise change.invalid(f"{place} '{name}' is no destination of this rule.", "InvalidPayload")
    for flow in change.get("properties.dataFlows") or []:
        if not flow.get("streams"):
            raise change.invalid("Each data flow needs streams.", "InvalidPayload")


def _association_has_one_aim(change: Change) -> None:
    """Source: an association names a rule; the one named configurationAccessEndpoint names an endpoint."""
    rule = change.get("properties.dataCollectionRuleId")
    endpoint = change.get("properties.dataCollectionEndpointId")
    if bool(rule) == bool(endpoint):
        raise change.invalid("Give either dataCollectionRuleId or dataCollectionEndpointId.", "InvalidPayload")
    if endpoint and change.name.lower() != "configurationaccessendpoint":
        raise change.invalid(
            "An association with an endpoint must be named 'configurationAccessEndpoint'.", "InvalidAssociationName"
        )


def _endpoint_outputs(change: Change) -> dict[str, Any]:
    host = f"{change.name}-{change.fact('suffix', change.fact('immutable')[:4])}.{change.body['location']}-1"
    return {
        "properties": {
            "immutableId": f"dce-{change.fact('immutable').replace('-', '')}",
            "configurationAccess": {"endpoint": f"https://{host}.handler.control.monitor.azure.com"},
            "logsIngestion": {"endpoint": f"https://{host}.ingest.monitor.azure.com"},
            "metricsIngestion": {"endpoint": f"https://{host}.metrics.ingest.monitor.azure.com"},
        }
    }


def _name(longest: int) -> Name:
    return Name(pattern=rf"[A-Za-z0-9][\w.-]{{0,{longest - 1}}}", rule=f"1-{longest} letters, digits, . _ and -.")


SPECS = (
    TypeSpec(
        type=SETTING,
        source="Diagnostic settings in Azure Monitor: 5 per resource, supported categories, one sink per category",
        api_versions=("2021-05-01-preview",),
        name=Name(pattern=r"[^*<>%:&\\?+/]{1,260}", rule="1-260 characters without *<>%:&\\?+/."),
        scope=Scope.EXTENSION,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        invalid="BadRequest",
        fields=(
            Field("properties.logs[].enabled", kind="boolean", required=True),
            Field("properties.metrics[].enabled", kind="boolean", required=True),
            Field("properties.logAnalyticsDestinationType", one_of=("Dedicated", "AzureDiagnostics")),
        ),
        references=(
            Reference("properties.workspaceId", (WORKSPACE,)),
            Reference("properties.storageAccountId", ("Microsoft.Storage/storageAccounts",)),
        ),
        checks=(_sink_is_given, _categories_are_known, _at_most_five, _sink_is_new),
    ),
    TypeSpec(
        type=ENDPOINT,
        source="Data collection endpoints in Azure Monitor",
        api_versions=COLLECTION_VERSIONS,
        name=Name(pattern=r"[A-Za-z][A-Za-z0-9-]{1,42}[A-Za-z0-9]", rule="3-44 letters, digits and -."),
        fields=(
            Field("kind", one_of=("Linux", "Windows")),
            Field("properties.networkAcls.publicNetworkAccess", one_of=("Enabled", "Disabled", "SecuredByPerimeter")),
        ),
        outputs=_endpoint_outputs,
    ),
    TypeSpec(
        type=RULE,
        source="Data collection rules in Azure Monitor, structure and limits (10 destinations, 10 data flows)",
        api_versions=COLLECTION_VERSIONS,
        name=_name(64),
        invalid="InvalidPayload",
        fields=(
            Field("kind", one_of=("Linux", "Windows", "AgentDirectToStore", "WorkspaceTransforms", "Direct")),
            Field("properties.dataFlows", kind="list", required=True, between=(1, 10)),
            Field("properties.destinations", kind="object", required=True),
            Field("properties.destinations.logAnalytics", kind="list", between=(1, 10)),
            Field("properties.destinations.logAnalytics[].name", required=True),
            Field("properties.destinations.logAnalytics[].workspaceResourceId", required=True),
            Field("properties.dataSources", kind="object"),
            Field("properties.dataSources.extensions[].extensionName", required=True),
            Field("properties.dataSources.extensions[].name", required=True),
        ),
        references=(
            Reference("properties.dataCollectionEndpointId", (ENDPOINT,), holds=True),
            Reference("properties.destinations.logAnalytics[].workspaceResourceId", (WORKSPACE,)),
        ),
        checks=(_flows_lead_somewhere,),
        outputs=lambda change: {"properties": {"immutableId": f"dcr-{change.fact('immutable').replace('-', '')}"}},
    ),
    TypeSpec(
        type=ASSOCIATION,
        source="Data collection rule associations in Azure Monitor",
        api_versions=COLLECTION_VERSIONS,
        name=_name(64),
        scope=Scope.EXTENSION,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        invalid="InvalidPayload",
        references=(
            Reference("properties.dataCollectionRuleId", (RULE,), holds=True),
            Reference("properties.dataCollectionEndpointId", (ENDPOINT,), holds=True),
        ),
        checks=(_association_has_one_aim,),
    ),
)
