"""Every type of the table, made in the emulated ARM, read back, imported, changed and removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.arm.types import SPECS
from sandbox.plugins.azure_native.types import TABLE
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import Secret

SUBSCRIPTION = "/subscriptions/0a110000-0000-4000-8000-000000000001"
RG = f"{SUBSCRIPTION}/resourceGroups/rg-a"
NET = f"{RG}/providers/Microsoft.Network"
VNET = f"{NET}/virtualNetworks/vnet-a"
VAULT = f"{RG}/providers/Microsoft.KeyVault/vaults/kv-a1"
LOGS = f"{RG}/providers/Microsoft.OperationalInsights/workspaces/log-a"
CLUSTER = f"{RG}/providers/Microsoft.ContainerService/managedClusters/aks-a"
IDENTITY = f"{RG}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-a"
ZONE = "privatelink.postgres.database.azure.com"
TENANT = "5a4d0000-0000-4000-8000-00000000a21e"
NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
ROLE = "0b5b7f1e-0000-4000-8000-000000000001"
ASSIGNMENT = "0b5b7f1e-0000-4000-8000-000000000002"
HERE = {"location": "westeurope"}
IN = {"resourceGroupName": "rg-a"}

Step = tuple[str, dict[str, Any]]


def network_steps() -> Iterator[Step]:
    yield "resources:ResourceGroup", {**IN, **HERE, "tags": {"a": "b"}}
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    yield "network:VirtualNetwork", {**IN, **HERE, "virtualNetworkName": "vnet-a", "addressSpace": space}
    other = {"addressPrefixes": ["10.1.0.0/16"]}
    yield "network:VirtualNetwork", {**IN, **HERE, "virtualNetworkName": "vnet-hub", "addressSpace": other}
    yield (
        "network:VirtualNetworkPeering",
        {
            **IN,
            "virtualNetworkName": "vnet-a",
            "virtualNetworkPeeringName": "peer",
            "remoteVirtualNetwork": {"id": f"{NET}/virtualNetworks/vnet-hub"},
        },
    )
    rule = {"name": "r", "access": "Deny", "direction": "Inbound", "protocol": "*", "priority": 4000}
    ports = {"sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*"}
    rules = [{**rule, **ports, "destinationPortRange": "22"}]
    yield "network:NetworkSecurityGroup", {**IN, **HERE, "networkSecurityGroupName": "nsg", "securityRules": rules}
    address = {"sku": {"name": "Standard"}, "publicIPAllocationMethod": "Static"}
    yield "network:PublicIPAddress", {**IN, **HERE, "publicIpAddressName": "pip", **address}
    addresses = [{"id": f"{NET}/publicIPAddresses/pip"}]
    nat = {"natGatewayName": "nat", "sku": {"name": "Standard"}, "publicIpAddresses": addresses}
    yield "network:NatGateway", {**IN, **HERE, **nat}
    guard = {"networkSecurityGroup": {"id": f"{NET}/networkSecurityGroups/nsg"}}
    yield "network:Subnet", {**subnet("nodes", "10.0.0.0/20"), **guard, "natGateway": {"id": f"{NET}/natGateways/nat"}}
    yield "network:Subnet", {**subnet("ends", "10.0.16.0/24"), **guard}
    yield "network:Subnet", subnet("data", "10.0.17.0/24", "Microsoft.DBforPostgreSQL/flexibleServers")
    yield "network:Subnet", subnet("dns", "10.0.18.0/24", "Microsoft.Network/dnsResolvers")


def subnet(name: str, prefix: str, service: str | None = None) -> dict[str, Any]:
    delegations = {"delegations": [{"name": "d", "serviceName": service}]} if service else {}
    return {**IN, "virtualNetworkName": "vnet-a", "subnetName": name, "addressPrefix": prefix, **delegations}


def dns_steps() -> Iterator[Step]:
    link = {"virtualNetwork": {"id": VNET}, "registrationEnabled": False, "location": "global"}
    for zone in (ZONE, "privatelink.vaultcore.azure.net"):
        yield "privatedns:PrivateZone", {**IN, "privateZoneName": zone, "location": "global"}
        yield "privatedns:VirtualNetworkLink", {**IN, "privateZoneName": zone, "virtualNetworkLinkName": "l", **link}
    resolver = {"dnsResolverName": "res"}
    yield "dnsresolver:DnsResolver", {**IN, **HERE, **resolver, "virtualNetwork": {"id": VNET}}
    out = {"outboundEndpointName": "out", "subnet": {"id": f"{VNET}/subnets/dns"}}
    yield "dnsresolver:OutboundEndpoint", {**IN, **HERE, **resolver, **out}
    endpoints = [{"id": f"{NET}/dnsResolvers/res/outboundEndpoints/out"}]
    rules = {"dnsForwardingRulesetName": "rules"}
    yield "dnsresolver:DnsForwardingRuleset", {**IN, **HERE, **rules, "dnsResolverOutboundEndpoints": endpoints}
    targets = [{"ipAddress": "10.9.0.4", "port": 53}]
    rule = {"forwardingRuleName": "corp", "domainName": "corp.example.", "targetDnsServers": targets}
    yield "dnsresolver:ForwardingRule", {**IN, **rules, **rule, "forwardingRuleState": "Enabled"}
    joined = {"virtualNetworkLinkName": "l", "virtualNetwork": {"id": VNET}}
    yield "dnsresolver:PrivateResolverVirtualNetworkLink", {**IN, **rules, **joined}


def monitoring_steps() -> Iterator[Step]:
    sku = {"sku": {"name": "PerGB2018"}, "retentionInDays": 30}
    yield "operationalinsights:Workspace", {**IN, **HERE, "workspaceName": "log-a", **sku}
    yield "monitor:DataCollectionEndpoint", {**IN, **HERE, "dataCollectionEndpointName": "dce"}
    streams = ["Microsoft-ContainerLogV2"]
    rule = {
        "dataSources": {"extensions": [{"name": "ci", "streams": streams, "extensionName": "ContainerInsights"}]},
        "destinations": {"logAnalytics": [{"name": "la", "workspaceResourceId": LOGS}]},
        "dataFlows": [{"streams": streams, "destinations": ["la"]}],
    }
    yield "monitor:DataCollectionRule", {**IN, **HERE, "dataCollectionRuleName": "dcr", "kind": "Linux", **rule}


def vault_steps() -> Iterator[Step]:
    sku = {"family": "A", "name": "standard"}
    properties = {"sku": sku, "tenantId": TENANT, "enableRbacAuthorization": True, "softDeleteRetentionInDays": 7}
    yield "keyvault:Vault", {**IN, **HERE, "vaultName": "kv-a1", "properties": properties}
    value = {"value": Secret("s3cret"), "contentType": "text/plain"}
    yield "keyvault:Secret", {**IN, "vaultName": "kv-a1", "secretName": "one", "properties": value}
    logs = [{"enabled": True, "categoryGroup": "audit"}]
    yield "monitor:DiagnosticSetting", {"resourceUri": VAULT, "name": "diag", "workspaceId": LOGS, "logs": logs}
    connection = {"name": "c", "privateLinkServiceId": VAULT, "groupIds": ["vault"]}
    place = {"subnet": {"id": f"{VNET}/subnets/ends"}, "privateLinkServiceConnections": [connection]}
    yield "network:PrivateEndpoint", {**IN, **HERE, "privateEndpointName": "pe", **place}
    zone = f"{NET}/privateDnsZones/privatelink.vaultcore.azure.net"
    zones = {"privateDnsZoneConfigs": [{"name": "v", "privateDnsZoneId": zone}]}
    yield "network:PrivateDnsZoneGroup", {**IN, "privateEndpointName": "pe", "privateDnsZoneGroupName": "g", **zones}
    yield "managedidentity:UserAssignedIdentity", {**IN, **HERE, "resourceName": "id-a"}
    trust = {"audiences": ["api://AzureADTokenExchange"], "issuer": "https://issuer.example", "subject": "s"}
    name = {"resourceName": "id-a", "federatedIdentityCredentialResourceName": "fic"}
    yield "managedidentity:FederatedIdentityCredential", {**IN, **name, **trust}
    role = {"roleName": "ariel reader", "permissions": [{"actions": ["Microsoft.KeyVault/vaults/read"]}]}
    place = {"scope": SUBSCRIPTION, "roleDefinitionId": ROLE, "assignableScopes": [SUBSCRIPTION]}
    yield "authorization:RoleDefinition", {**place, **role, "roleType": "CustomRole"}
    yield "authorization:ManagementLockByScope", {"scope": VAULT, "lockName": "keep", "level": "CanNotDelete"}


def storage_steps() -> Iterator[Step]:
    account = {"accountName": "stariela1"}
    kind = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "allowSharedKeyAccess": False}
    rules = {"defaultAction": "Deny", "bypass": "AzureServices", "ipRules": [{"iPAddressOrRange": "198.51.100.7"}]}
    network = {"enableHttpsTrafficOnly": True, "networkRuleSet": rules, "minimumTlsVersion": "TLS1_2"}
    yield "storage:StorageAccount", {**IN, **HERE, **account, **kind, **network}
    retention = {"deleteRetentionPolicy": {"enabled": True, "days": 7}, "isVersioningEnabled": True}
    yield "storage:BlobServiceProperties", {**IN, **account, "blobServicesName": "default", **retention}
    yield "storage:BlobContainer", {**IN, **account, "containerName": "logs-a", "publicAccess": "None"}
    actions = {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}}
    definition = {"actions": actions, "filters": {"blobTypes": ["blockBlob"], "prefixMatch": ["logs-a/"]}}
    policy = {"rules": [{"name": "old", "type": "Lifecycle", "enabled": True, "definition": definition}]}
    yield "storage:ManagementPolicy", {**IN, **account, "managementPolicyName": "default", "policy": policy}
    name = {"registryName": "crariela1", "sku": {"name": "Premium"}, "adminUserEnabled": False}
    yield "containerregistry:Registry", {**IN, **HERE, **name}


def database_steps() -> Iterator[Step]:
    server = {"serverName": "pg-ariel-a1"}
    network = {
        "delegatedSubnetResourceId": f"{VNET}/subnets/data",
        "privateDnsZoneArmResourceId": f"{NET}/privateDnsZones/{ZONE}",
        "publicNetworkAccess": "Disabled",
    }
    yield (
        "dbforpostgresql:Server",
        {
            **IN,
            **HERE,
            **server,
            "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"},
            "version": "17",
            "createMode": "Default",
            "availabilityZone": "1",
            "storage": {"storageSizeGB": 64, "autoGrow": "Enabled"},
            "authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled", "tenantId": TENANT},
            "network": network,
        },
    )
    group = {"principalName": "admins", "principalType": "Group", "tenantId": TENANT}
    entra = {"objectId": "0b5b7f1e-0000-4000-8000-000000000003", **group}
    yield "dbforpostgresql:AdministratorsMicrosoftEntra", {**IN, **server, **entra}
    yield "dbforpostgresql:Database", {**IN, **server, "databaseName": "airflow", "charset": "UTF8"}
    setting = {"configurationName": "work_mem", "value": "8192", "source": "user-override"}
    yield "dbforpostgresql:Configuration", {**IN, **server, **setting}


def cluster_steps() -> Iterator[Step]:
    nodes = f"{VNET}/subnets/nodes"
    system = {"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_D4ds_v5", "vnetSubnetID": nodes}
    yield (
        "containerservice:ManagedCluster",
        {
            **IN,
            **HERE,
            "resourceName": "aks-a",
            "dnsPrefix": "aks-a",
            "sku": {"name": "Base", "tier": "Standard"},
            "identity": {"type": "UserAssigned", "userAssignedIdentities": [IDENTITY]},
            "agentPoolProfiles": [system],
            "networkProfile": {
                "networkPlugin": "azure",
                "networkPluginMode": "overlay",
                "networkDataplane": "cilium",
                "networkPolicy": "cilium",
                "podCidr": "10.244.0.0/16",
                "serviceCidr": "10.2.0.0/16",
                "dnsServiceIP": "10.2.0.10",
                "outboundType": "userAssignedNATGateway",
            },
            "oidcIssuerProfile": {"enabled": True},
            "securityProfile": {"workloadIdentity": {"enabled": True}},
        },
    )
    cluster = {**IN, "resourceName": "aks-a"}
    pool = {"agentPoolName": "tasks", "mode": "User", "vmSize": "Standard_D4ds_v5", "vnetSubnetID": nodes, "count": 1}
    yield "containerservice:AgentPool", {**cluster, **pool}
    weekly = {"schedule": {"weekly": {"dayOfWeek": "Sunday", "intervalWeeks": 1}}, "startTime": "02:00"}
    window = {"configName": "aksManagedAutoUpgradeSchedule", "maintenanceWindow": {**weekly, "durationHours": 4}}
    yield "containerservice:MaintenanceConfiguration", {**cluster, **window}
    rule = {"dataCollectionRuleId": f"{RG}/providers/Microsoft.Insights/dataCollectionRules/dcr"}
    yield "monitor:DataCollectionRuleAssociation", {"resourceUri": CLUSTER, "associationName": "a", **rule}


def steps() -> list[Step]:
    groups = (network_steps, dns_steps, monitoring_steps, vault_steps, storage_steps, database_steps, cluster_steps)
    return [step for group in groups for step in group()]


def role_assignment(principal: str) -> Step:
    """A cluster may only join a subnet when its identity is allowed to."""
    role = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{NETWORK_CONTRIBUTOR}"
    who = {"principalId": principal, "principalType": "ServicePrincipal", "roleDefinitionId": role}
    return "authorization:RoleAssignment", {"scope": VNET, "roleAssignmentName": ASSIGNMENT, **who}


def test_every_type_lives_through_create_refresh_import_update_and_delete(arm: Any, azure: Any) -> None:
    made: list[tuple[str, str]] = []
    todo = steps()
    while todo:
        kind, inputs = todo.pop(0)
        resource_id, outputs = azure.create(kind, inputs)
        made.append((kind, resource_id))
        if kind == "managedidentity:UserAssignedIdentity":
            todo.insert(0, role_assignment(outputs["principalId"]))
        _, refreshed, now = azure.read(kind, resource_id, inputs, outputs)
        assert refreshed == inputs, f"{kind}: a refresh right after the create sees drift"
        _, found, read = azure.read(kind, resource_id)
        changes = azure.diff(kind, found, inputs, read)
        unreadable = ["properties"] if kind == "keyvault:Secret" else []
        assert list(changes.diffs) == unreadable, f"{kind}: an import with the program's inputs differs: {changes}"
        again = azure.update(kind, resource_id, inputs)
        assert again["name"] == now["name"], kind
    assert {f"azure-native:{kind}" for kind, _ in made} == set(TABLE)

    for kind, resource_id in reversed(made):
        # ARM has no DELETE for a secret: it goes with its vault.
        if kind != "keyvault:Secret":
            azure.delete(kind, resource_id)
    assert arm.names() == []


def test_a_secrets_value_is_stored_and_never_shown(azure: Any) -> None:
    for kind, inputs in (*network_steps(), *monitoring_steps()):
        if kind in ("resources:ResourceGroup", "operationalinsights:Workspace"):
            azure.create(kind, inputs)
    vault, secret, *_ = vault_steps()
    azure.create(*vault)
    resource_id, outputs = azure.create(*secret)
    assert "s3cret" not in repr(outputs)
    assert outputs["properties"]["secretUri"]
    assert "value" not in azure.read(secret[0], resource_id)[2]["properties"]


def test_a_vaults_address_is_not_taken_for_null_in_a_preview(azure: Any) -> None:
    vault, *_ = vault_steps()
    _, outputs = azure.create(*vault, preview=True)
    assert "properties" not in outputs
    assert outputs["name"] == "kv-a1"


def test_a_deleted_server_parameter_goes_back_to_its_default(arm: Any, azure: Any) -> None:
    for kind, inputs in (*network_steps(), *dns_steps()):
        azure.create(kind, inputs)
    server, *_, parameter = database_steps()
    azure.create(*server)
    resource_id, outputs = azure.create(*parameter)
    assert outputs["value"] == "8192"
    azure.delete(parameter[0], resource_id)
    _, _, now = azure.read(parameter[0], resource_id)
    assert now["value"] == now["defaultValue"] != "8192"


def test_a_clusters_kubeconfig_is_a_secret(azure: Any) -> None:
    tables = (*network_steps(), *vault_steps())
    for kind, inputs in tables:
        if kind.split(":")[0] in ("resources", "network") and "privateEndpointName" not in inputs:
            azure.create(kind, inputs)
    identity = next(step for step in tables if step[0] == "managedidentity:UserAssignedIdentity")
    _, outputs = azure.create(*identity)
    azure.create(*role_assignment(outputs["principalId"]))
    azure.create(*next(iter(cluster_steps())))
    kubeconfigs = azure.invoke(
        "azure-native:containerservice:listManagedClusterUserCredentials", {**IN, "resourceName": "aks-a"}
    )["kubeconfigs"]
    assert isinstance(kubeconfigs[0]["value"], Secret)
    assert kubeconfigs[0]["value"].value


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.type.split(":", 1)[1])
def test_the_emulated_arm_serves_the_type_in_the_sdks_version(row: Any) -> None:
    provider = (
        row.path.rsplit("/providers/", 1)[-1] if "/providers/" in row.path else "Microsoft.Resources/resourceGroups"
    )
    namespace, *parts = re.sub(r"/\{\w+\}", "", provider).replace("/default", "").split("/")
    wanted = "/".join((namespace, *parts)).lower()
    versions = {spec.type.lower(): spec.api_versions for spec in SPECS}
    assert wanted in versions
    assert row.api_version in versions[wanted]


def test_deleting_what_cannot_be_deleted_touches_nothing(arm: Any, azure: Any) -> None:
    azure.create(*next(iter(network_steps())))
    account, service, *_ = storage_steps()
    azure.create(*account)
    resource_id, _ = azure.create(*service)
    before = len(arm.requests("DELETE", "/blobServices/default"))
    azure.delete(service[0], resource_id)
    assert len(arm.requests("DELETE", "/blobServices/default")) == before
    assert azure.diff(service[0], service[1], service[1]).changes == provider_pb2.DiffResponse.DIFF_NONE
