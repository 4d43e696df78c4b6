"""One minimal, valid example per ARM type, in an order in which each finds what it needs."""

from __future__ import annotations

from typing import Any

from sandbox.arm.tenant import TENANT_ID
from tests.engine.arm.cloud import GROUP, SUBSCRIPTION, Cloud

HERE = {"location": "westeurope"}
NETWORK = f"{GROUP}/providers/Microsoft.Network"
VNET = f"{NETWORK}/virtualNetworks/vnet"
HUB = f"{NETWORK}/virtualNetworks/hub"
NODES = f"{VNET}/subnets/nodes"
ENDPOINTS = f"{VNET}/subnets/endpoints"
DATABASE = f"{VNET}/subnets/database"
RESOLVE = f"{VNET}/subnets/resolve"
PG_ZONE = f"{NETWORK}/privateDnsZones/ariel.private.postgres.database.azure.com"
VAULT_ZONE = f"{NETWORK}/privateDnsZones/privatelink.vaultcore.azure.net"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-ariel-test"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/starieltest"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crarieltest"
SERVER = f"{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql-ariel-test"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-ariel"
CLUSTER_IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-cluster"
KUBELET_IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-kubelet"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks-ariel"
RULESET = f"{NETWORK}/dnsForwardingRulesets/rules"
RESOLVER = f"{NETWORK}/dnsResolvers/resolver"
COLLECTION_RULE = f"{GROUP}/providers/Microsoft.Insights/dataCollectionRules/dcr"
ENDPOINT = f"{NETWORK}/privateEndpoints/pe-vault"
CUSTOM_ROLE = "aaaaaaaa-0000-4000-8000-00000000c001"
GROUP_ID = "bbbbbbbb-0000-4000-8000-00000000c002"
NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


def role(guid: str) -> str:
    return f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def assignment(scope: str, number: int) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/cccccccc-0000-4000-8000-{number:012d}"


def grant(principal: str, guid: str, kind: str | None = "ServicePrincipal") -> dict[str, Any]:
    typed = {} if kind is None else {"principalType": kind}
    return {"properties": {"principalId": principal, "roleDefinitionId": role(guid), **typed}}


def link(vnet: str) -> dict[str, Any]:
    return {"location": "global", "properties": {"virtualNetwork": {"id": vnet}, "registrationEnabled": False}}


def subnet(prefix: str, delegation: str | None = None, **more: Any) -> dict[str, Any]:
    service = {"name": "owner", "properties": {"serviceName": delegation}}
    return {"properties": {"addressPrefix": prefix, "delegations": [service] if delegation else [], **more}}


def vault_body(**properties: Any) -> dict[str, Any]:
    base = {"tenantId": TENANT_ID, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}
    return {**HERE, "properties": {**base, **properties}}


def endpoint_body(target: str, group: str, where: str = ENDPOINTS) -> dict[str, Any]:
    connection = {"name": "link", "properties": {"privateLinkServiceId": target, "groupIds": [group]}}
    return {**HERE, "properties": {"subnet": {"id": where}, "privateLinkServiceConnections": [connection]}}


def server_body(**properties: Any) -> dict[str, Any]:
    base = {
        "version": "17",
        "storage": {"storageSizeGB": 32, "autoGrow": "Enabled"},
        "network": {"delegatedSubnetResourceId": DATABASE, "privateDnsZoneArmResourceId": PG_ZONE},
        "authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled", "tenantId": TENANT_ID},
    }
    return {**HERE, "sku": {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"}, "properties": {**base, **properties}}


def system_pool(**more: Any) -> dict[str, Any]:
    return {"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_D2ds_v5", "vnetSubnetID": NODES, **more}


def cluster_body(**properties: Any) -> dict[str, Any]:
    base = {
        "dnsPrefix": "ariel",
        "kubernetesVersion": "1.35",
        "disableLocalAccounts": True,
        "aadProfile": {"managed": True, "enableAzureRBAC": True},
        "oidcIssuerProfile": {"enabled": True},
        "securityProfile": {"workloadIdentity": {"enabled": True}},
        "agentPoolProfiles": [system_pool()],
        "identityProfile": {"kubeletidentity": {"resourceId": KUBELET_IDENTITY}},
        "networkProfile": {
            "networkPlugin": "azure",
            "networkPluginMode": "overlay",
            "networkDataplane": "cilium",
            "networkPolicy": "cilium",
            "podCidr": "192.168.0.0/16",
            "serviceCidr": "172.16.0.0/16",
            "dnsServiceIP": "172.16.0.10",
            "outboundType": "userAssignedNATGateway",
        },
    }
    identity = {"type": "UserAssigned", "userAssignedIdentities": {CLUSTER_IDENTITY: {}}}
    return {**HERE, "identity": identity, "sku": {"name": "Base", "tier": "Free"}, "properties": {**base, **properties}}


def examples(principals: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Id -> body. `principals` are the principal ids of identities that stand already, by their id."""
    cluster_principal = principals.get(CLUSTER_IDENTITY, GROUP_ID)
    workspace = {"workspaceId": WORKSPACE}
    return {
        GROUP: dict(HERE),
        WORKSPACE: {**HERE, "properties": {"sku": {"name": "PerGB2018"}, "retentionInDays": 30}},
        CLUSTER_IDENTITY: dict(HERE),
        KUBELET_IDENTITY: dict(HERE),
        f"{NETWORK}/networkSecurityGroups/nsg": {**HERE, "properties": {"securityRules": []}},
        f"{NETWORK}/publicIPAddresses/pip": {
            **HERE,
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        },
        f"{NETWORK}/natGateways/nat": {
            **HERE,
            "sku": {"name": "Standard"},
            "properties": {"publicIpAddresses": [{"id": f"{NETWORK}/publicIPAddresses/pip"}]},
        },
        VNET: {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.10.0.0/16"]}}},
        HUB: {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.20.0.0/16"]}}},
        NODES: subnet(
            "10.10.0.0/22",
            natGateway={"id": f"{NETWORK}/natGateways/nat"},
            networkSecurityGroup={"id": f"{NETWORK}/networkSecurityGroups/nsg"},
        ),
        ENDPOINTS: subnet("10.10.4.0/24"),
        DATABASE: subnet("10.10.5.0/28", "Microsoft.DBforPostgreSQL/flexibleServers"),
        RESOLVE: subnet("10.10.6.0/28", "Microsoft.Network/dnsResolvers"),
        f"{VNET}/virtualNetworkPeerings/to-hub": {"properties": {"remoteVirtualNetwork": {"id": HUB}}},
        PG_ZONE: {"location": "global"},
        VAULT_ZONE: {"location": "global"},
        f"{PG_ZONE}/virtualNetworkLinks/vnet": link(VNET),
        f"{VAULT_ZONE}/virtualNetworkLinks/vnet": link(VNET),
        RESOLVER: {**HERE, "properties": {"virtualNetwork": {"id": VNET}}},
        f"{RESOLVER}/outboundEndpoints/out": {**HERE, "properties": {"subnet": {"id": RESOLVE}}},
        RULESET: {
            **HERE,
            "properties": {"dnsResolverOutboundEndpoints": [{"id": f"{RESOLVER}/outboundEndpoints/out"}]},
        },
        f"{RULESET}/forwardingRules/corp": {
            "properties": {"domainName": "corp.example.", "targetDnsServers": [{"ipAddress": "10.99.0.4", "port": 53}]}
        },
        f"{RULESET}/virtualNetworkLinks/vnet": {"properties": {"virtualNetwork": {"id": VNET}}},
        f"{CLUSTER_IDENTITY}/federatedIdentityCredentials/main": {
            "properties": {
                "issuer": "https://issuer.example/a",
                "subject": "system:serviceaccount:airflow:pgbouncer",
                "audiences": ["api://AzureADTokenExchange"],
            }
        },
        role(CUSTOM_ROLE): {
            "properties": {
                "roleName": "Ariel subnet joiner",
                "permissions": [{"actions": ["Microsoft.Network/virtualNetworks/subnets/join/action"]}],
                "assignableScopes": [SUBSCRIPTION],
            }
        },
        assignment(NODES, 1): grant(cluster_principal, CUSTOM_ROLE),
        assignment(KUBELET_IDENTITY, 2): grant(cluster_principal, IDENTITY_OPERATOR),
        VAULT: vault_body(),
        f"{VAULT}/secrets/token": {"properties": {"value": "a-secret-value", "contentType": "text/plain"}},
        ENDPOINT: endpoint_body(VAULT, "vault"),
        f"{ENDPOINT}/privateDnsZoneGroups/default": {
            "properties": {"privateDnsZoneConfigs": [{"name": "vault", "properties": {"privateDnsZoneId": VAULT_ZONE}}]}
        },
        f"{VAULT}/providers/Microsoft.Insights/diagnosticSettings/audit": {
            "properties": {**workspace, "logs": [{"category": "AuditEvent", "enabled": True}], "metrics": []}
        },
        ACCOUNT: {
            **HERE,
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "properties": {"allowSharedKeyAccess": False, "minimumTlsVersion": "TLS1_2"},
        },
        f"{ACCOUNT}/blobServices/default": {
            "properties": {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 7}}
        },
        f"{ACCOUNT}/blobServices/default/containers/logs": {"properties": {"publicAccess": "None"}},
        f"{ACCOUNT}/managementPolicies/default": {
            "properties": {
                "policy": {
                    "rules": [
                        {
                            "name": "expire",
                            "type": "Lifecycle",
                            "enabled": True,
                            "definition": {
                                "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}},
                                "filters": {"blobTypes": ["blockBlob"]},
                            },
                        }
                    ]
                }
            }
        },
        REGISTRY: {**HERE, "sku": {"name": "Premium"}, "properties": {"adminUserEnabled": False}},
        SERVER: server_body(),
        f"{SERVER}/administrators/{GROUP_ID}": {
            "properties": {"principalName": "dba", "principalType": "Group", "tenantId": TENANT_ID}
        },
        f"{SERVER}/databases/airflow": {"properties": {"charset": "UTF8", "collation": "en_US.utf8"}},
        f"{SERVER}/configurations/azure.extensions": {"properties": {"value": "PG_TRGM", "source": "user-override"}},
        CLUSTER: cluster_body(),
        f"{CLUSTER}/agentPools/tasks": {
            "properties": {
                "mode": "User",
                "vmSize": "Standard_D4ds_v5",
                "enableAutoScaling": True,
                "minCount": 0,
                "maxCount": 5,
                "count": 0,
                "vnetSubnetID": NODES,
                "nodeTaints": ["ariel.dev/tasks=true:NoSchedule"],
            }
        },
        f"{CLUSTER}/maintenanceConfigurations/aksManagedAutoUpgradeSchedule": {
            "properties": {
                "maintenanceWindow": {
                    "schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}},
                    "durationHours": 4,
                    "startTime": "02:00",
                    "utcOffset": "+00:00",
                }
            }
        },
        f"{GROUP}/providers/Microsoft.Insights/dataCollectionEndpoints/dce": {**HERE, "properties": {}},
        COLLECTION_RULE: {
            **HERE,
            "kind": "Linux",
            "properties": {
                "dataSources": {
                    "extensions": [
                        {
                            "name": "ContainerInsights",
                            "extensionName": "ContainerInsights",
                            "streams": ["Microsoft-ContainerLogV2"],
                        }
                    ]
                },
                "destinations": {"logAnalytics": [{"name": "law", "workspaceResourceId": WORKSPACE}]},
                "dataFlows": [{"streams": ["Microsoft-ContainerLogV2"], "destinations": ["law"]}],
            },
        },
        f"{CLUSTER}/providers/Microsoft.Insights/dataCollectionRuleAssociations/logs": {
            "properties": {"dataCollectionRuleId": COLLECTION_RULE}
        },
        f"{SERVER}/providers/Microsoft.Authorization/locks/keep": {"properties": {"level": "CanNotDelete"}},
    }


def build(cloud: Cloud, *, until: str | None = None, without: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """Make the examples in order, up to and without `until`, leaving out ids that start with one of `without`.

    Returns id -> body as sent.
    """
    principals: dict[str, str] = {}
    sent: dict[str, dict[str, Any]] = {}
    for path in examples(principals):
        if path == until:
            break
        if path.startswith(without) and without:
            continue
        body = examples(principals)[path]
        found = cloud.made(path, body)
        principal = (found.get("properties") or {}).get("principalId")
        if "userAssignedIdentities" in path and principal:
            principals[path] = principal
        sent[path] = body
    return sent
