"""One case per rule: what is wrong with a write, and the code with which ARM refuses it."""

# ruff: noqa: E501 - tables with one case per line

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.arm.tenant import TENANT_ID
from tests.engine.arm.cloud import GROUP, SUBSCRIPTION, Cloud, code, running
from tests.engine.arm.examples import (
    ACCOUNT,
    CLUSTER,
    CLUSTER_IDENTITY,
    COLLECTION_RULE,
    CUSTOM_ROLE,
    DATABASE,
    ENDPOINT,
    ENDPOINTS,
    GROUP_ID,
    HERE,
    HUB,
    KUBELET_IDENTITY,
    NETWORK,
    NETWORK_CONTRIBUTOR,
    NODES,
    PG_ZONE,
    REGISTRY,
    RESOLVER,
    RULESET,
    SECRETS_USER,
    SERVER,
    VAULT,
    VAULT_ZONE,
    VNET,
    WORKSPACE,
    assignment,
    build,
    cluster_body,
    endpoint_body,
    grant,
    link,
    role,
    server_body,
    subnet,
    system_pool,
    vault_body,
)

NAT = f"{NETWORK}/natGateways"
PIP = f"{NETWORK}/publicIPAddresses"
NSG = f"{NETWORK}/networkSecurityGroups"
SETTINGS = "providers/Microsoft.Insights/diagnosticSettings"
OTHER_GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-other"


def space(*prefixes: str) -> dict[str, Any]:
    return {**HERE, "properties": {"addressSpace": {"addressPrefixes": list(prefixes)}}}


def rule(name: str, priority: int, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "properties": {"priority": priority, "access": "Deny", "direction": "Inbound", "protocol": "*", **more},
    }


def pip(sku: str, how: str) -> dict[str, Any]:
    return {**HERE, "sku": {"name": sku}, "properties": {"publicIPAllocationMethod": how}}


def nat(*addresses: str) -> dict[str, Any]:
    return {
        **HERE,
        "sku": {"name": "Standard"},
        "properties": {"publicIpAddresses": [{"id": one} for one in addresses]},
    }


def logs(category: str, workspace: str | None = WORKSPACE) -> dict[str, Any]:
    return {"properties": {"workspaceId": workspace, "logs": [{"category": category, "enabled": True}]}}


def zones(zone: str) -> dict[str, Any]:
    return {"properties": {"privateDnsZoneConfigs": [{"name": "z", "properties": {"privateDnsZoneId": zone}}]}}


def credential(subject: str, **more: Any) -> dict[str, Any]:
    base = {"issuer": "https://issuer.example/a", "subject": subject, "audiences": ["api://AzureADTokenExchange"]}
    return {"properties": {**base, **more}}


def account(**more: Any) -> dict[str, Any]:
    return {**HERE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}, **more}


def value(text: str) -> dict[str, Any]:
    return {"properties": {"value": text, "source": "user-override"}}


def pool(**more: Any) -> dict[str, Any]:
    return {"properties": {"mode": "User", "vmSize": "Standard_D4ds_v5", "count": 1, "vnetSubnetID": NODES, **more}}


BEFORE_ANYTHING = [
    ("a resource without its group", f"{OTHER_GROUP}/providers/Microsoft.Network/virtualNetworks/v", space("10.0.0.0/16"), 404, "ResourceGroupNotFound"),
    ("a child without its parent", f"{VNET}/subnets/s", subnet("10.10.0.0/24"), 404, "ParentResourceNotFound"),
    ("a role on a scope that is not there", assignment(VAULT, 9), grant(GROUP_ID, SECRETS_USER, "Group"), 404, "ResourceNotFound"),
    ("a group with a dot at the end", f"{SUBSCRIPTION}/resourceGroups/rg.", HERE, 400, "InvalidResourceName"),
    ("an unknown region", VNET, {**space("10.0.0.0/16"), "location": "atlantis"}, 400, "LocationNotAvailableForResourceType"),
    ("no region", VNET, {"properties": {}}, 400, "LocationRequired"),
    ("a zone in a region", PG_ZONE, HERE, 400, "LocationNotAvailableForResourceType"),
    ("51 tags", GROUP, {**HERE, "tags": {f"t{i}": "x" for i in range(51)}}, 400, "InvalidTagsCount"),
    ("a tag name with a slash", GROUP, {**HERE, "tags": {"a/b": "x"}}, 400, "InvalidTagNameCharacters"),
    ("a tag value of 257 characters", GROUP, {**HERE, "tags": {"a": "x" * 257}}, 400, "InvalidTagValue"),
    ("a member outside the envelope", VNET, {**HERE, "addressSpace": {}}, 400, "InvalidRequestContent"),
    ("a moved group", GROUP, {"location": "northeurope"}, 409, "InvalidResourceLocation"),
    ("a vault name with an underscore", VAULT.replace("kv-ariel-test", "kv_x"), vault_body(), 400, "VaultNameNotValid"),
    ("a vault name with two hyphens", VAULT.replace("kv-ariel-test", "kv--x"), vault_body(), 400, "VaultNameNotValid"),
    ("an account name in upper case", ACCOUNT.replace("starieltest", "stAriel"), account(), 400, "AccountNameInvalid"),
    ("a registry name with a hyphen", REGISTRY.replace("crarieltest", "cr-ariel"), {**HERE, "sku": {"name": "Basic"}}, 400, "InvalidResourceName"),
    ("a server name in upper case", SERVER.replace("psql", "Psql"), server_body(), 400, "InvalidParameterValue"),
    ("an identity name of two characters", CLUSTER_IDENTITY.replace("id-cluster", "id"), HERE, 400, "InvalidResourceName"),
    ("a network without address space", VNET, {**HERE, "properties": {}}, 400, "InvalidRequestFormat"),
    ("a network with no CIDR", VNET, space("10.0.0.0"), 400, "InvalidRequestFormat"),
    ("a prefix with host bits", VNET, space("10.0.0.1/16"), 400, "InvalidCIDRNotation"),
    ("overlapping prefixes", VNET, space("10.0.0.0/16", "10.0.1.0/24"), 400, "VnetAddressSpaceOverlapWithinSameVnet"),
    ("a basic public address", f"{PIP}/p", pip("Basic", "Static"), 400, "BasicSkuPublicIpRetired"),
    ("a dynamic standard address", f"{PIP}/p", pip("Standard", "Dynamic"), 400, "StandardSkuPublicIPAddressesMustBeStatic"),
    ("a gateway with an unknown address", f"{NAT}/n", nat(f"{PIP}/none"), 400, "InvalidResourceReference"),
    ("a gateway with the id of another type", f"{NAT}/n", nat(VNET), 400, "LinkedInvalidPropertyId"),
    ("two rules of one priority", f"{NSG}/n", {**HERE, "properties": {"securityRules": [rule("a", 100), rule("b", 100)]}}, 400, "SecurityRuleConflict"),
    ("a priority below 100", f"{NSG}/n", {**HERE, "properties": {"securityRules": [rule("a", 99)]}}, 400, "InvalidRequestFormat"),
    ("an unknown protocol", f"{NSG}/n", {**HERE, "properties": {"securityRules": [rule("a", 100, protocol="Carrier")]}}, 400, "InvalidRequestFormat"),
    ("a zone name that Azure keeps", f"{NETWORK}/privateDnsZones/azure.com", {"location": "global"}, 400, "ReservedZoneName"),
    ("29 days of retention", WORKSPACE, {**HERE, "properties": {"sku": {"name": "PerGB2018"}, "retentionInDays": 29}}, 400, "InvalidParameter"),
    ("an account of an unknown kind", ACCOUNT, account(kind="Tape"), 400, "InvalidRequestPropertyValue"),
    ("an account without a SKU", ACCOUNT, {**HERE, "kind": "StorageV2"}, 400, "InvalidRequestPropertyValue"),
    ("a private basic registry", REGISTRY, {**HERE, "sku": {"name": "Basic"}, "properties": {"publicNetworkAccess": "Disabled"}}, 400, "FeatureNotSupportedForSku"),
    ("purge protection switched off", VAULT, vault_body(enablePurgeProtection=False), 400, "BadRequest"),
    ("a vault without soft delete", VAULT, vault_body(enableSoftDelete=False), 400, "BadRequest"),
    ("a vault without roles or policies", VAULT, vault_body(enableRbacAuthorization=False), 400, "BadRequest"),
    ("six days of soft delete", VAULT, vault_body(softDeleteRetentionInDays=6), 400, "BadRequest"),
    ("an unknown vault SKU", VAULT, vault_body(sku={"family": "A", "name": "gold"}), 400, "BadRequest"),
    ("recovery of a vault that was not deleted", VAULT, vault_body(createMode="recover"), 404, "DeletedVaultNotFound"),
    ("an unknown role", assignment(GROUP, 9), grant(GROUP_ID, CUSTOM_ROLE, "Group"), 404, "RoleDefinitionDoesNotExist"),
    ("a principal nobody knows", assignment(GROUP, 9), grant(GROUP_ID, SECRETS_USER, None), 400, "PrincipalNotFound"),
    ("an assignment without a GUID name", f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/x", grant(GROUP_ID, SECRETS_USER, "Group"), 400, "InvalidResourceName"),
    ("a custom role of a built-in name", role(CUSTOM_ROLE), {"properties": {"roleName": "Reader", "permissions": [{}], "assignableScopes": [SUBSCRIPTION]}}, 409, "RoleDefinitionWithSameNameExists"),
    ("a custom role outside its scope", role(CUSTOM_ROLE), {"properties": {"roleName": "R", "permissions": [{}], "assignableScopes": [GROUP]}}, 400, "InvalidRoleDefinitionScope"),
    ("a role under the id of a vault", assignment(GROUP, 9), {"properties": {"principalId": GROUP_ID, "roleDefinitionId": VAULT}}, 400, "InvalidRoleDefinitionId"),
    ("a changed built-in role", role(SECRETS_USER), {"properties": {"roleName": "Mine", "permissions": [{}], "assignableScopes": [SUBSCRIPTION]}}, 403, "RoleDefinitionUpdateNotPermitted"),
    ("a network below a subscription", f"{SUBSCRIPTION}/providers/Microsoft.Network/virtualNetworks/v", space("10.0.0.0/16"), 400, "InvalidResourceScope"),
    ("a subscription that is no GUID", "/subscriptions/mine/resourceGroups/rg", HERE, 400, "InvalidSubscriptionId"),
    ("an unknown lock level", f"{GROUP}/providers/Microsoft.Authorization/locks/l", {"properties": {"level": "Maybe"}}, 400, "InvalidLock"),
]  # fmt: skip

ON_EVERYTHING = [
    ("a subnet outside the network", f"{VNET}/subnets/x", subnet("10.11.0.0/24"), 400, "NetcfgInvalidSubnet"),
    ("a subnet of /30", f"{VNET}/subnets/x", subnet("10.10.9.0/30"), 400, "NetcfgInvalidSubnet"),
    ("an overlapping subnet", f"{VNET}/subnets/x", subnet("10.10.4.128/25"), 400, "NetcfgSubnetRangesOverlap"),
    ("an unknown delegation", f"{VNET}/subnets/x", subnet("10.10.9.0/24", "Contoso/things"), 400, "InvalidServiceNameOnDelegation"),
    ("a used subnet with another range", DATABASE, subnet("10.10.5.0/27", "Microsoft.DBforPostgreSQL/flexibleServers"), 400, "InUseSubnetCannotBeUpdated"),
    ("a used subnet without its delegation", DATABASE, subnet("10.10.5.0/28"), 400, "SubnetDelegationsCannotChangeWhenSubnetUsedByResource"),
    ("an address space that leaves subnets behind", VNET, space("10.10.0.0/22"), 400, "InUsePrefixCannotBeDeleted"),
    ("an inline subnet", VNET, {**HERE, "properties": {**space("10.10.0.0/16")["properties"], "subnets": [{"name": "x"}]}}, 400, "InlineSubnetsNotModelled"),
    ("a network in another region", VNET, {**space("10.10.0.0/16"), "location": "eastus"}, 409, "InvalidResourceLocation"),
    ("a peering with itself", f"{VNET}/virtualNetworkPeerings/x", {"properties": {"remoteVirtualNetwork": {"id": VNET}}}, 400, "VnetAddressSpacesOverlap"),
    ("an address in two gateways", f"{NAT}/n2", nat(f"{PIP}/pip"), 400, "PublicIPAddressInUse"),
    ("a second link of one network", f"{VAULT_ZONE}/virtualNetworkLinks/again", link(VNET), 409, "BadRequest"),
    ("a link to another network", f"{VAULT_ZONE}/virtualNetworkLinks/vnet", link(HUB), 400, "BadRequest"),
    ("a second resolver in one network", f"{RESOLVER}2", {**HERE, "properties": {"virtualNetwork": {"id": VNET}}}, 409, "Conflict"),
    ("an outbound endpoint in a plain subnet", f"{RESOLVER}/outboundEndpoints/x", {**HERE, "properties": {"subnet": {"id": ENDPOINTS}}}, 400, "BadRequest"),
    ("a forwarded domain without a dot", f"{RULESET}/forwardingRules/x", {"properties": {"domainName": "corp.example", "targetDnsServers": [{"ipAddress": "10.9.9.9"}]}}, 400, "BadRequest"),
    ("a second ruleset on one network", f"{RULESET}/virtualNetworkLinks/x", {"properties": {"virtualNetwork": {"id": VNET}}}, 409, "Conflict"),
    ("an endpoint for a group that the vault lacks", f"{NETWORK}/privateEndpoints/x", endpoint_body(VAULT, "blob"), 400, "InvalidGroupId"),
    ("an endpoint without a group", f"{NETWORK}/privateEndpoints/x", {**HERE, "properties": {"subnet": {"id": ENDPOINTS}, "privateLinkServiceConnections": [{"name": "l", "properties": {"privateLinkServiceId": VAULT}}]}}, 400, "MissingParameterOnPrivateLinkServiceConnection"),
    ("an endpoint for two groups", f"{NETWORK}/privateEndpoints/x", {**HERE, "properties": {"subnet": {"id": ENDPOINTS}, "privateLinkServiceConnections": [{"name": "l", "properties": {"privateLinkServiceId": ACCOUNT, "groupIds": ["blob", "dfs"]}}]}}, 400, "OnlyOneGroupIdPermitted"),
    ("an endpoint without connection", f"{NETWORK}/privateEndpoints/x", {**HERE, "properties": {"subnet": {"id": ENDPOINTS}}}, 400, "PrivateEndpointMustHaveOneConnection"),
    ("an endpoint to what is not there", f"{NETWORK}/privateEndpoints/x", endpoint_body(f"{VAULT}x", "vault"), 400, "InvalidResourceReference"),
    ("an endpoint to what has no private link", f"{NETWORK}/privateEndpoints/x", endpoint_body(HUB, "vault"), 400, "PrivateLinkServiceNotFound"),
    ("an endpoint to a server in its own subnet", f"{NETWORK}/privateEndpoints/x", endpoint_body(SERVER, "postgresqlServer"), 400, "PrivateEndpointsNotSupported"),
    ("an endpoint in a delegated subnet", f"{NETWORK}/privateEndpoints/x", endpoint_body(VAULT, "vault", DATABASE), 400, "PrivateEndpointCreationNotAllowedAsSubnetIsDelegated"),
    ("an endpoint that moves its subnet", ENDPOINT, endpoint_body(VAULT, "vault", NODES), 400, "PrivateEndpointCannotBeUpdated"),
    ("an endpoint in another region", f"{NETWORK}/privateEndpoints/x", {**endpoint_body(VAULT, "vault"), "location": "eastus"}, 400, "InvalidResourceReference"),
    ("the zone of another service", f"{ENDPOINT}/privateDnsZoneGroups/default", zones(PG_ZONE), 400, "PrivateDnsZoneNameMismatch"),
    ("a second zone group", f"{ENDPOINT}/privateDnsZoneGroups/more", zones(VAULT_ZONE), 400, "OnlyOnePrivateDnsZoneGroupAllowed"),
    ("diagnostics without a sink", f"{VAULT}/{SETTINGS}/x", logs("AzurePolicyEvaluationDetails", None), 400, "BadRequest"),
    ("an unknown log category", f"{VAULT}/{SETTINGS}/x", logs("Gossip"), 400, "BadRequest"),
    ("a workspace that is not there", f"{VAULT}/{SETTINGS}/x", logs("AuditEvent", f"{WORKSPACE}x"), 400, "InvalidResourceReference"),
    ("one category twice to one workspace", f"{VAULT}/{SETTINGS}/x", logs("AuditEvent"), 409, "Conflict"),
    ("logs of a storage account", f"{ACCOUNT}/{SETTINGS}/x", logs("StorageRead"), 400, "BadRequest"),
    ("logs of what has none", f"{NETWORK}/privateDnsZones/privatelink.vaultcore.azure.net/{SETTINGS}/x", logs("AuditEvent"), 400, "BadRequest"),
    ("a flow to an unknown destination", COLLECTION_RULE, {**HERE, "properties": {"destinations": {}, "dataFlows": [{"streams": ["s"], "destinations": ["nowhere"]}]}}, 400, "InvalidPayload"),
    ("an association without an aim", f"{CLUSTER}/providers/Microsoft.Insights/dataCollectionRuleAssociations/x", {"properties": {}}, 400, "InvalidPayload"),
    ("an association with an endpoint under another name", f"{CLUSTER}/providers/Microsoft.Insights/dataCollectionRuleAssociations/x", {"properties": {"dataCollectionEndpointId": f"{GROUP}/providers/Microsoft.Insights/dataCollectionEndpoints/dce"}}, 400, "InvalidAssociationName"),
    ("a container name with an underscore", f"{ACCOUNT}/blobServices/default/containers/a_b", {"properties": {}}, 400, "InvalidResourceName"),
    ("anonymous blobs", f"{ACCOUNT}/blobServices/default/containers/open", {"properties": {"publicAccess": "Blob"}}, 409, "PublicAccessNotPermitted"),
    ("a lifecycle policy of another name", f"{ACCOUNT}/managementPolicies/mine", {"properties": {}}, 400, "InvalidResourceName"),
    ("a lifecycle policy without rules", f"{ACCOUNT}/managementPolicies/default", {"properties": {"policy": {"rules": []}}}, 400, "InvalidRequestPropertyValue"),
    ("a secret without a value", f"{VAULT}/secrets/empty", {"properties": {}}, 400, "BadRequest"),
    ("a vault with another retention", VAULT, vault_body(softDeleteRetentionInDays=7), 400, "BadRequest"),
    ("a second credential for one subject", f"{CLUSTER_IDENTITY}/federatedIdentityCredentials/again", credential("system:serviceaccount:airflow:pgbouncer"), 409, "BadRequest"),
    ("a credential for two audiences", f"{CLUSTER_IDENTITY}/federatedIdentityCredentials/two", credential("x", audiences=["a", "b"]), 400, "BadRequest"),
    ("a plain-http issuer", f"{CLUSTER_IDENTITY}/federatedIdentityCredentials/http", credential("x", issuer="http://issuer.example"), 400, "BadRequest"),
    ("an assignment under a second name", assignment(NODES, 77), lambda cluster: grant(cluster, CUSTOM_ROLE), 409, "RoleAssignmentExists"),
    ("an assignment's name at another scope", assignment(GROUP, 1), grant(GROUP_ID, SECRETS_USER, "Group"), 400, "RoleAssignmentUpdateNotPermitted"),
    ("an assignment with another role", assignment(NODES, 1), lambda cluster: grant(cluster, NETWORK_CONTRIBUTOR), 400, "RoleAssignmentUpdateNotPermitted"),
    ("a managed identity called a user", assignment(VAULT, 78), lambda cluster: grant(cluster, SECRETS_USER, "User"), 400, "UnmatchedPrincipalType"),
    ("an unknown server parameter", f"{SERVER}/configurations/warp_speed", value("9"), 404, "ConfigurationNotExists"),
    ("an extension that is not offered", f"{SERVER}/configurations/azure.extensions", value("PLPYTHON3U"), 400, "InvalidParameterValue"),
    ("6,000 connections", f"{SERVER}/configurations/max_connections", value("6000"), 400, "InvalidParameterValue"),
    ("a read-only parameter", f"{SERVER}/configurations/data_checksums", value("off"), 400, "ReadOnlyConfiguration"),
    ("an unknown principal type of an administrator", f"{SERVER}/administrators/{GROUP_ID}", {"properties": {"principalName": "x", "principalType": "Robot", "tenantId": TENANT_ID}}, 400, "InvalidParameterValue"),
    ("another collation", f"{SERVER}/databases/airflow", {"properties": {"charset": "UTF8", "collation": "C"}}, 400, "PropertyChangeNotAllowed"),
    ("an older PostgreSQL", SERVER, server_body(version="16"), 400, "VersionDowngradeNotSupported"),
    ("another server subnet", SERVER, server_body(network={"delegatedSubnetResourceId": NODES, "privateDnsZoneArmResourceId": PG_ZONE}), 400, "PropertyChangeNotAllowed"),
    ("another server zone", SERVER, server_body(network={"delegatedSubnetResourceId": DATABASE, "privateDnsZoneArmResourceId": VAULT_ZONE}), 400, "PropertyChangeNotAllowed"),
    ("a pool name with a hyphen", f"{CLUSTER}/agentPools/a-b", pool(), 400, "InvalidParameter"),
    ("a pool name of 13 characters", f"{CLUSTER}/agentPools/abcdefghijklm", pool(), 400, "InvalidParameter"),
    ("a pool with other machines", f"{CLUSTER}/agentPools/tasks", pool(vmSize="Standard_D8ds_v5"), 400, "PropertyChangeNotAllowed"),
    ("bounds without autoscaling", f"{CLUSTER}/agentPools/x", pool(minCount=1, maxCount=2), 400, "InvalidParameter"),
    ("autoscaling without bounds", f"{CLUSTER}/agentPools/x", pool(enableAutoScaling=True), 400, "InvalidParameter"),
    ("an empty system pool", f"{CLUSTER}/agentPools/x", pool(mode="System", count=0), 400, "InvalidParameter"),
    ("a malformed taint", f"{CLUSTER}/agentPools/x", pool(nodeTaints=["whatever"]), 400, "InvalidParameter"),
    ("a pool newer than its cluster", f"{CLUSTER}/agentPools/x", pool(orchestratorVersion="1.36"), 400, "NodePoolMcVersionIncompatible"),
    ("a pool in a subnet without a role", f"{CLUSTER}/agentPools/x", pool(vnetSubnetID=ENDPOINTS), 400, "SubnetMissingPermission"),
    ("the last system pool as user pool", f"{CLUSTER}/agentPools/system", pool(vmSize="Standard_D2ds_v5"), 400, "InvalidParameter"),
    ("a skipped minor version", CLUSTER, cluster_body(kubernetesVersion="1.33"), 400, "OperationNotAllowed"),
    ("an unsupported version", CLUSTER, cluster_body(kubernetesVersion="1.20"), 400, "K8sVersionNotSupported"),
    ("another DNS prefix", CLUSTER, cluster_body(dnsPrefix="other"), 400, "PropertyChangeNotAllowed"),
    ("another pod range", CLUSTER, cluster_body(networkProfile={"networkPlugin": "azure", "podCidr": "192.168.0.0/17"}), 400, "PropertyChangeNotAllowed"),
    ("an issuer switched off", CLUSTER, cluster_body(oidcIssuerProfile={"enabled": False}), 400, "OIDCIssuerCannotBeDisabled"),
    ("a maintenance window of another name", f"{CLUSTER}/maintenanceConfigurations/mine", {"properties": {}}, 400, "InvalidParameter"),
    ("a maintenance window of two hours", f"{CLUSTER}/maintenanceConfigurations/aksManagedAutoUpgradeSchedule", {"properties": {"maintenanceWindow": {"schedule": {}, "durationHours": 2, "startTime": "02:00"}}}, 400, "InvalidParameter"),
    ("a schedule without a window", f"{CLUSTER}/maintenanceConfigurations/aksManagedNodeOSUpgradeSchedule", {"properties": {}}, 400, "InvalidParameter"),
]  # fmt: skip

PLAIN_ZONE = f"{NETWORK}/privateDnsZones/plain.example"
OWN_ZONE = f"{NETWORK}/privateDnsZones/psql-ariel-test.postgres.database.azure.com"
FAR_ZONE = f"{NETWORK}/privateDnsZones/far.postgres.database.azure.com"


def network(subnet_id: str | None, zone: str | None) -> dict[str, Any]:
    return {"delegatedSubnetResourceId": subnet_id, "privateDnsZoneArmResourceId": zone}


def burstable(**properties: Any) -> dict[str, Any]:
    return {**server_body(**properties), "sku": {"name": "Standard_B1ms", "tier": "Burstable"}}


BEFORE_THE_SERVER = [
    ("a SKU of another tier", {**server_body(), "sku": {"name": "Standard_B1ms", "tier": "GeneralPurpose"}}, "InvalidSkuName"),
    ("an unknown tier", {**server_body(), "sku": {"name": "Standard_B1ms", "tier": "Gold"}}, "InvalidParameterValue"),
    ("high availability on Burstable", burstable(highAvailability={"mode": "ZoneRedundant"}), "HighAvailabilityNotSupportedForBurstable"),
    ("an unknown version", server_body(version="9"), "InvalidParameterValue"),
    ("31 GiB of storage", server_body(storage={"storageSizeGB": 31}), "InvalidParameterValue"),
    ("36 days of backup", server_body(backup={"backupRetentionDays": 36}), "InvalidParameterValue"),
    ("password sign-in without administrator", server_body(authConfig={"passwordAuth": "Enabled"}), "InvalidParameterValue"),
    ("no sign-in at all", server_body(authConfig={"passwordAuth": "Disabled", "activeDirectoryAuth": "Disabled"}), "InvalidAuthConfig"),
    ("a subnet without zone", server_body(network=network(DATABASE, None)), "EmptyPrivateDnsZoneArmResourceId"),
    ("a subnet that is not delegated", server_body(network=network(ENDPOINTS, PG_ZONE)), "SubnetNotDelegated"),
    ("a subnet that is not there", server_body(network=network(f"{DATABASE}x", PG_ZONE)), "InvalidResourceReference"),
    ("a delegated subnet of /29", server_body(network=network(f"{VNET}/subnets/small", PG_ZONE)), "SubnetTooSmall"),
    ("a zone of another name", server_body(network=network(DATABASE, PLAIN_ZONE)), "PrivateDnsZoneNameNotValid"),
    ("a zone named as the server", server_body(network=network(DATABASE, OWN_ZONE)), "PrivateDnsZoneNameNotValid"),
    ("a zone that is not linked", server_body(network=network(DATABASE, FAR_ZONE)), "PrivateDnsZoneNotLinkedToVirtualNetwork"),
    ("a network in another region", {**server_body(), "location": "eastus"}, "InvalidVirtualNetworkRegion"),
]  # fmt: skip

API_ZONE = f"{NETWORK}/privateDnsZones/privatelink.westeurope.azmk8s.io"
NO_NAT = system_pool(vnetSubnetID=ENDPOINTS)

BEFORE_THE_CLUSTER = [
    ("no identity", {**cluster_body(), "identity": {"type": "None"}}, "ServicePrincipalNotSet"),
    ("two identities", {**cluster_body(), "identity": {"type": "UserAssigned", "userAssignedIdentities": {CLUSTER_IDENTITY: {}, KUBELET_IDENTITY: {}}}}, "InvalidUserAssignedIdentities"),
    ("a kubelet identity without the operator role", cluster_body(identityProfile={"kubeletidentity": {"resourceId": CLUSTER_IDENTITY}}), "CustomKubeletIdentityMissingPermissionError"),
    ("no DNS prefix", cluster_body(dnsPrefix=None), "InvalidParameter"),
    ("no pool", cluster_body(agentPoolProfiles=[]), "InvalidParameter"),
    ("no system pool", cluster_body(agentPoolProfiles=[system_pool(mode="User")]), "InvalidParameter"),
    ("an inline pool of a bad name", cluster_body(agentPoolProfiles=[system_pool(name="Sys")]), "InvalidParameter"),
    ("an inline pool in no subnet", cluster_body(agentPoolProfiles=[system_pool(vnetSubnetID=f"{NODES}x")]), "InvalidResourceReference"),
    ("an unsupported version", cluster_body(kubernetesVersion="1.20"), "K8sVersionNotSupported"),
    ("an unknown tier", {**cluster_body(), "sku": {"name": "Base", "tier": "Gold"}}, "InvalidParameter"),
    ("a DNS address outside the services", cluster_body(networkProfile={"serviceCidr": "172.16.0.0/16", "dnsServiceIP": "172.17.0.10"}), "InvalidDNSServiceIP"),
    ("pods over services", cluster_body(networkProfile={"serviceCidr": "172.16.0.0/16", "podCidr": "172.16.128.0/17"}), "PodCidrOverlapsServiceCidr"),
    ("services over the network", cluster_body(networkProfile={"serviceCidr": "10.10.0.0/16"}), "ServiceCidrOverlapExistingSubnetsCidr"),
    ("Cilium on kubenet", cluster_body(networkProfile={"networkPlugin": "kubenet", "networkDataplane": "cilium"}), "InvalidNetworkDataplane"),
    ("a NAT outbound without a gateway", cluster_body(agentPoolProfiles=[NO_NAT], networkProfile={"outboundType": "userAssignedNATGateway"}), "SubnetWithoutNATGateway"),
    ("local accounts off without Entra", cluster_body(aadProfile=None), "InvalidParameter"),
    ("workload identity without issuer", cluster_body(oidcIssuerProfile={"enabled": False}), "WorkloadIdentityRequiresOIDCIssuer"),
    ("allowed ranges on a private cluster", cluster_body(apiServerAccessProfile={"enablePrivateCluster": True, "authorizedIPRanges": ["192.0.2.0/24"]}), "InvalidAuthorizedIPRanges"),
    ("a zone of another name than the API server's", cluster_body(apiServerAccessProfile={"enablePrivateCluster": True, "privateDNSZone": VAULT_ZONE}), "InvalidCustomPrivateDNSZoneName"),
    ("a zone without its role", cluster_body(apiServerAccessProfile={"enablePrivateCluster": True, "privateDNSZone": API_ZONE}), "CustomPrivateDNSZoneMissingPermissionError"),
    ("a kubelet identity that is not there", cluster_body(identityProfile={"kubeletidentity": {"resourceId": f"{KUBELET_IDENTITY}x"}}), "InvalidResourceReference"),
    ("an identity that is not there", {**cluster_body(), "identity": {"type": "UserAssigned", "userAssignedIdentities": {f"{CLUSTER_IDENTITY}x": {}}}}, "FailedIdentityOperation"),
    ("a subnet without its role", cluster_body(agentPoolProfiles=[NO_NAT], networkProfile={}), "SubnetMissingPermission"),
    ("a kubelet identity of a system-assigned cluster", {**cluster_body(), "identity": {"type": "SystemAssigned"}}, "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster"),
]  # fmt: skip

Body = dict[str, Any] | Callable[[str], dict[str, Any]]


def built(
    tmp_path_factory: pytest.TempPathFactory, until: str | None = None, without: tuple[str, ...] = ()
) -> Iterator[Cloud]:
    with running(tmp_path_factory.mktemp("arm")) as cloud:
        build(cloud, until=until, without=without)
        yield cloud


@pytest.fixture(scope="module")
def empty_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    yield from built(tmp_path_factory, until=WORKSPACE)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    yield from built(tmp_path_factory)


@pytest.fixture(scope="module")
def before_the_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    for cloud in built(tmp_path_factory, until=SERVER):
        for zone in (PLAIN_ZONE, OWN_ZONE, FAR_ZONE):
            cloud.made(zone, {"location": "global"})
        cloud.made(f"{PLAIN_ZONE}/virtualNetworkLinks/vnet", link(VNET))
        cloud.made(f"{VNET}/subnets/small", subnet("10.10.7.0/29", "Microsoft.DBforPostgreSQL/flexibleServers"))
        yield cloud


@pytest.fixture(scope="module")
def before_the_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    yield from built(tmp_path_factory, until=CLUSTER)


def refused(cloud: Cloud, path: str, body: Body, status: int, expected: str) -> None:
    before = cloud.fingerprint()
    given = body if isinstance(body, dict) else body(cloud.get(CLUSTER_IDENTITY).json()["properties"]["principalId"])
    answer = cloud.put(path, given)
    assert answer.status_code >= 400, answer.text
    assert (answer.status_code, code(answer)) == (status, expected), answer.text
    assert cloud.fingerprint() == before, "a refused write must not change anything"


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [case[1:] for case in BEFORE_ANYTHING],
    ids=[case[0] for case in BEFORE_ANYTHING],
)
def test_it_is_refused_in_an_empty_group(empty_group: Cloud, path: str, body: Body, status: int, expected: str) -> None:
    refused(empty_group, path, body, status, expected)


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [case[1:] for case in ON_EVERYTHING],
    ids=[case[0] for case in ON_EVERYTHING],
)
def test_it_is_refused_where_everything_stands(
    everything: Cloud, path: str, body: Body, status: int, expected: str
) -> None:
    refused(everything, path, body, status, expected)


@pytest.mark.parametrize(
    ("body", "expected"), [case[1:] for case in BEFORE_THE_SERVER], ids=[case[0] for case in BEFORE_THE_SERVER]
)
def test_a_server_is_refused_with(before_the_server: Cloud, body: Body, expected: str) -> None:
    refused(before_the_server, SERVER, body, 400, expected)


@pytest.mark.parametrize(
    ("body", "expected"), [case[1:] for case in BEFORE_THE_CLUSTER], ids=[case[0] for case in BEFORE_THE_CLUSTER]
)
def test_a_cluster_is_refused_with(before_the_cluster: Cloud, body: Body, expected: str) -> None:
    refused(before_the_cluster, CLUSTER, body, 400, expected)
