"""Kubernetes clusters, their pools and windows, and the container registry."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers"
_CLUSTER = _GROUP + "/Microsoft.ContainerService/managedClusters/{resourceName}"

ROWS = (
    ResourceType(
        type="azure-native:containerservice:ManagedCluster",
        api_version="2025-09-01",
        path=_CLUSTER,
        envelope=words("extendedLocation identity kind location sku tags"),
        properties=words(
            "aadProfile addonProfiles agentPoolProfiles aiToolchainOperatorProfile apiServerAccessProfile"
            " autoScalerProfile autoUpgradeProfile azureMonitorProfile bootstrapProfile disableLocalAccounts"
            " diskEncryptionSetID dnsPrefix enableRBAC fqdnSubdomain httpProxyConfig identityProfile ingressProfile"
            " kubernetesVersion linuxProfile metricsProfile networkProfile nodeProvisioningProfile nodeResourceGroup"
            " nodeResourceGroupProfile oidcIssuerProfile podIdentityProfile privateLinkResources publicNetworkAccess"
            " securityProfile serviceMeshProfile servicePrincipalProfile storageProfile supportPlan upgradeSettings"
            " windowsProfile workloadAutoScalerProfile"
        ),
        force_new=words(
            "diskEncryptionSetID dnsPrefix fqdnSubdomain linuxProfile nodeResourceGroup windowsProfile"
            " networkProfile.dnsServiceIP networkProfile.networkDataplane networkProfile.networkMode"
            " networkProfile.networkPlugin networkProfile.networkPluginMode networkProfile.networkPolicy"
            " networkProfile.outboundType networkProfile.podCidr networkProfile.serviceCidr"
            " networkProfile.serviceCidrs"
        ),
        write_only=words("servicePrincipalProfile.secret windowsProfile.adminPassword"),
        shared=words("agentPoolProfiles"),
    ),
    ResourceType(
        type="azure-native:containerservice:AgentPool",
        api_version="2025-09-01",
        path=_CLUSTER + "/agentPools/{agentPoolName}",
        properties=words(
            "availabilityZones capacityReservationGroupID count creationData enableAutoScaling enableEncryptionAtHost"
            " enableFIPS enableNodePublicIP enableUltraSSD gatewayProfile gpuInstanceProfile gpuProfile hostGroupID"
            " kubeletConfig kubeletDiskType linuxOSConfig localDNSProfile maxCount maxPods messageOfTheDay minCount"
            " mode networkProfile nodeLabels nodePublicIPPrefixID nodeTaints orchestratorVersion osDiskSizeGB"
            " osDiskType osSKU osType podIPAllocationMode podSubnetID powerState proximityPlacementGroupID"
            " scaleDownMode scaleSetEvictionPolicy scaleSetPriority securityProfile spotMaxPrice tags type"
            " upgradeSettings virtualMachineNodesStatus virtualMachinesProfile vmSize vnetSubnetID windowsProfile"
            " workloadRuntime"
        ),
        force_new=words("gpuInstanceProfile vmSize"),
    ),
    ResourceType(
        type="azure-native:containerservice:MaintenanceConfiguration",
        api_version="2025-09-01",
        path=_CLUSTER + "/maintenanceConfigurations/{configName}",
        properties=words("maintenanceWindow notAllowedTime timeInWeek"),
    ),
    ResourceType(
        type="azure-native:containerregistry:Registry",
        api_version="2023-01-01-preview",
        path=_GROUP + "/Microsoft.ContainerRegistry/registries/{registryName}",
        envelope=words("identity location sku tags"),
        properties=words(
            "adminUserEnabled anonymousPullEnabled dataEndpointEnabled encryption networkRuleBypassOptions"
            " networkRuleSet policies publicNetworkAccess zoneRedundancy"
        ),
        required=words("sku"),
        renames={"networkRuleSet.ipRules.iPAddressOrRange": "value"},
    ),
)
