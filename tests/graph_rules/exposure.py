"""Exposure: what can be reached from where, and with which kind of proof."""

from __future__ import annotations

from typing import Final

from tests.graph_rules.subjects import Rule, environment_class, settings_of, some
from tests.harness import Graph

PRIVATE: Final = {
    "azure-native:keyvault:Vault": ("vault", "privatelink.vaultcore.azure.net"),
    "azure-native:storage:StorageAccount": ("blob", "privatelink.blob.core.windows.net"),
    "azure-native:containerregistry:Registry": ("registry", "privatelink.azurecr.io"),
}
"""Type -> (sub-resource, zone of its names). Source: Azure, "Private endpoint private DNS zone values"."""

HAVE_DIAGNOSTICS: Final = (
    "network:VirtualNetwork",
    "network:NetworkSecurityGroup",
    "network:PublicIPAddress",
    "operationalinsights:Workspace",
    "storage:StorageAccount",
    "storage:BlobServiceProperties",
    "containerregistry:Registry",
    "keyvault:Vault",
    "dbforpostgresql:Server",
    "containerservice:ManagedCluster",
)
"""Source: Azure Monitor, "Supported resource logs and metrics", column "exportable"."""


def every_private_resource_has_an_endpoint_and_its_name(graph: Graph) -> list[str]:
    """Closed to the public and without an endpoint in the right zone it is reached by nobody."""
    zones = {each.id: each.inputs["privateZoneName"] for each in some(graph, "privatedns:PrivateZone")}
    groups = {each.id.rsplit("/", 2)[0]: each for each in some(graph, "network:PrivateDnsZoneGroup")}
    found: dict[tuple[str, str], list[str]] = {}
    for endpoint in some(graph, "network:PrivateEndpoint"):
        group = groups.get(endpoint.id)
        configs = group.inputs["privateDnsZoneConfigs"] if group else []
        names = [str(zones.get(config["privateDnsZoneId"])) for config in configs]
        for connection in endpoint.inputs["privateLinkServiceConnections"]:
            for group_id in connection["groupIds"]:
                found[connection["privateLinkServiceId"], group_id] = names
    offenders = []
    for each in some(graph, *(kind.removeprefix("azure-native:") for kind in PRIVATE)):
        if each.inputs.get("publicNetworkAccess") == "Enabled":
            continue
        group_id, zone = PRIVATE[each.type]
        names = found.get((each.id, group_id), ["no endpoint"])
        if names != [zone]:
            offenders.append(f"{each}: endpoint for {group_id} resolves in {names}, must be {zone}")
    return offenders


def nothing_that_holds_data_is_public(graph: Graph) -> list[str]:
    """A leaked token would be enough from anywhere."""
    offenders = []
    for each in some(graph, "keyvault:Vault"):
        wanted = {
            "properties.publicNetworkAccess": "Disabled",
            "properties.networkAcls.defaultAction": "Deny",
            "properties.networkAcls.bypass": "None",
        }
        offenders += settings_of(each, wanted)
    for each in some(graph, "storage:StorageAccount"):
        wanted = {
            "publicNetworkAccess": "Disabled",
            "networkRuleSet.defaultAction": "Deny",
            "networkRuleSet.bypass": "None",
            "allowBlobPublicAccess": False,
            "enableHttpsTrafficOnly": True,
            "minimumTlsVersion": "TLS1_2",
        }
        offenders += settings_of(each, wanted)
    for each in graph.of("storage:BlobContainer"):
        offenders += settings_of(each, {"publicAccess": "None"})
    for each in some(graph, "dbforpostgresql:Server"):
        if not (each.inputs.get("network") or {}).get("delegatedSubnetResourceId"):
            offenders.append(f"{each}: network is {each.inputs.get('network')}, must be a delegated subnet")
    if environment_class(graph) == "higher":
        for each in some(graph, "containerregistry:Registry"):
            offenders += settings_of(each, {"publicNetworkAccess": "Disabled"})
        for each in some(graph, "containerservice:ManagedCluster"):
            offenders += settings_of(each, {"apiServerAccessProfile.enablePrivateCluster": True})
    return offenders


def the_api_server_of_the_cluster_is_not_open_to_all(graph: Graph) -> list[str]:
    """Outside the sandbox the API server is private, or the ranges that may reach it are listed."""
    offenders = []
    for each in some(graph, "containerservice:ManagedCluster"):
        access = each.inputs.get("apiServerAccessProfile") or {}
        ranges = access.get("authorizedIPRanges") or []
        listed = bool(ranges) and "0.0.0.0/0" not in ranges
        if environment_class(graph) != "sandbox" and not access.get("enablePrivateCluster") and not listed:
            offenders.append(f"{each}: apiServerAccessProfile {access}")
    return offenders


def nobody_signs_in_with_a_key_or_password(graph: Graph) -> list[str]:
    """Keys and passwords are shared, never expire and name nobody in an audit log."""
    wanted = {
        "storage:StorageAccount": {"allowSharedKeyAccess": False, "defaultToOAuthAuthentication": True},
        "containerregistry:Registry": {"adminUserEnabled": False},
        "keyvault:Vault": {"properties.enableRbacAuthorization": True},
        "dbforpostgresql:Server": {
            "authConfig.passwordAuth": "Disabled",
            "authConfig.activeDirectoryAuth": "Enabled",
            "administratorLogin": None,
            "administratorLoginPassword": None,
        },
        "containerservice:ManagedCluster": {
            "disableLocalAccounts": True,
            "aadProfile.managed": True,
            "aadProfile.enableAzureRBAC": True,
            "enableRBAC": True,
            "oidcIssuerProfile.enabled": True,
            "securityProfile.workloadIdentity.enabled": True,
            "servicePrincipalProfile": None,
        },
        "operationalinsights:Workspace": {"features.disableLocalAuth": True},
    }
    return [line for kind, values in wanted.items() for each in some(graph, kind) for line in settings_of(each, values)]


def everything_that_can_says_what_happens_to_it(graph: Graph) -> list[str]:
    """Without its diagnostic setting an incident leaves no trace."""
    settings = {each.inputs["resourceUri"].lower(): each for each in some(graph, "monitor:DiagnosticSetting")}
    workspaces = {each.id for each in some(graph, "operationalinsights:Workspace")}
    offenders = []
    for each in some(graph, *HAVE_DIAGNOSTICS):
        setting = settings.get(each.id.lower())
        if setting is None:
            offenders.append(f"{each}: no diagnostic setting")
        elif not (setting.inputs.get("logs") or setting.inputs.get("metrics")):
            offenders.append(f"{each}: {setting} sends neither logs nor metrics")
        elif setting.inputs.get("workspaceId") not in workspaces:
            offenders.append(f"{each}: {setting} sends to {setting.inputs.get('workspaceId')}")
    return offenders


def every_subnet_is_guarded_and_goes_out_by_rule_only(graph: Graph) -> list[str]:
    """Azure's own default way out has an address that nobody chose and no rule covers."""
    offenders = []
    for each in some(graph, "network:Subnet"):
        offenders += settings_of(each, {"defaultOutboundAccess": False})
        if not (each.inputs.get("networkSecurityGroup") or {}).get("id"):
            offenders.append(f"{each}: no security group")
    return offenders


RULES: Final[tuple[Rule, ...]] = (
    every_private_resource_has_an_endpoint_and_its_name,
    nothing_that_holds_data_is_public,
    the_api_server_of_the_cluster_is_not_open_to_all,
    nobody_signs_in_with_a_key_or_password,
    everything_that_can_says_what_happens_to_it,
    every_subnet_is_guarded_and_goes_out_by_rule_only,
)
