"""Microsoft.ContainerService: managed clusters and their maintenance windows."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.checks import fields_hold, fixed_stay, name_is_legal, references_stand
from sandbox.arm.errors import ArmError, Refusal
from sandbox.arm.fields import Field
from sandbox.arm.paths import parse
from sandbox.arm.preparation import prepare
from sandbox.arm.resource import Resource
from sandbox.arm.spec import LONG_RUNNING, Busy, Location, Name, Reference, Scope, TypeSpec
from sandbox.arm.types import agentpools
from sandbox.arm.types.agentpools import AGENT_POOL, CLUSTER, CLUSTER_BUSY, FIXED, JOIN, POOL, VERSIONS
from sandbox.arm.types.authorization import may
from sandbox.arm.types.managedidentity import USER_ASSIGNED_IDENTITY
from sandbox.arm.types.network import space_of
from sandbox.arm.types.operationalinsights import WORKSPACE
from sandbox.arm.world import World

MAINTENANCE = "Microsoft.ContainerService/managedClusters/maintenanceConfigurations"
ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
ZONE_WRITE = "Microsoft.Network/privateDnsZones/write"
NETWORK_JOIN = "Microsoft.Network/virtualNetworks/join/action"
SCHEDULES = ("aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule")
NETWORK_MEMBERS = (
    "networkPlugin",
    "networkPluginMode",
    "networkDataplane",
    "networkPolicy",
    "networkMode",
    "podCidr",
    "serviceCidr",
    "dnsServiceIP",
    "outboundType",
)


def _inline(change: Change) -> Iterator[Change]:
    """The pools in the body of a cluster, each as a change of its own."""
    for item in change.get("properties.agentPoolProfiles") or []:
        path = change.id.child("agentPools", item.get("name") or "")
        raw = {"properties": {key: value for key, value in item.items() if key != "name" and value is not None}}
        yield prepare(path, AGENT_POOL, raw, change.world.find(path), change.world)


def _pools_are_sound(change: Change) -> None:
    """Inline pools obey the rules of pools; a new cluster starts with a system pool."""
    pools = list(_inline(change))
    for pool in pools:
        for check in (name_is_legal, fields_hold, fixed_stay, references_stand, *AGENT_POOL.checks):
            check(pool)
    standing = [child.properties for child in change.world.children(change.id.key, POOL)]
    if not any(agentpools.is_system(properties) for properties in [*standing, *(pool.properties for pool in pools)]):
        raise change.invalid(agentpools.NO_SYSTEM_POOL)


def _has_an_identity(change: Change) -> None:
    kind = change.get("identity.type")
    if not kind or kind.lower() == "none":
        raise change.invalid(
            "Provisioning of resource failed: a managed identity is required.", "ServicePrincipalNotSet"
        )
    if kind.lower() == "userassigned" and len(change.get("identity.userAssignedIdentities") or {}) != 1:
        raise change.invalid("Exactly one user-assigned identity is required.", "InvalidUserAssignedIdentities")


def _principals(change: Change) -> list[str]:
    """Principal ids of the user-assigned identities in the body; a system-assigned one has no role before it exists."""
    found = [change.world.find(parse(text)) for text in change.get("identity.userAssignedIdentities") or {}]
    return [identity.properties["principalId"] for identity in found if identity is not None]


def _identity_has_its_roles(change: Change) -> None:
    """Source: AKS documentation, bring your own identity: subnets, kubelet identity, private DNS zone."""
    principals = _principals(change)
    if not principals:
        if change.get("properties.identityProfile.kubeletidentity.resourceId"):
            raise change.invalid(
                "Custom kubelet identity is only supported with a user-assigned control plane identity.",
                "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster",
            )
        return
    for pool in _inline(change):
        subnet = pool.get("properties.vnetSubnetID")
        if subnet and not agentpools.may_join(change.world, principals, subnet):
            raise change.invalid(
                f"The cluster's identity must be allowed {JOIN} on subnet {subnet}.", "SubnetMissingPermission"
            )
    kubelet = change.get("properties.identityProfile.kubeletidentity.resourceId")
    if kubelet and not any(may(change.world, principal, ASSIGN, parse(kubelet)) for principal in principals):
        raise change.invalid(
            f"The cluster using user-assigned managed identity must be granted 'Managed Identity Operator' role to "
            f"assign kubelet identity {kubelet}.",
            "CustomKubeletIdentityMissingPermissionError",
        )
    _own_zone_is_open(change, principals)


def _own_zone_is_open(change: Change, principals: list[str]) -> None:
    """Source: private AKS cluster with own DNS zone: its name, and roles on the zone and on the network."""
    zone = change.get("properties.apiServerAccessProfile.privateDNSZone") or "system"
    if not zone.startswith("/"):
        return
    name, region = zone.rsplit("/", 1)[-1].lower(), change.body["location"]
    if not re.fullmatch(rf"([a-z0-9-]+\.)?(private|privatelink)\.{region}\.azmk8s\.io", name):
        raise change.invalid(
            f"The private DNS zone must be named privatelink.{region}.azmk8s.io, private.{region}.azmk8s.io or a "
            f"subzone of one, not {name}.",
            "InvalidCustomPrivateDNSZoneName",
        )
    subnets = [pool.get("properties.vnetSubnetID") for pool in _inline(change)]
    networks = [parse(subnet).parent for subnet in subnets if subnet]
    needed = [(ZONE_WRITE, parse(zone)), *((NETWORK_JOIN, network) for network in networks if network is not None)]
    for action, where in needed:
        if not any(may(change.world, principal, action, where) for principal in principals):
            raise change.invalid(
                f"The cluster's identity must be allowed {action} on {where.text}.",
                "CustomPrivateDNSZoneMissingPermissionError",
            )


def _version_moves_one_step(change: Change) -> None:
    """Source: AKS upgrade rules: no downgrade, no minor version skipped."""
    target = agentpools.full_version(change, change.get("properties.kubernetesVersion"))
    if change.before is None:
        return
    current = change.before.properties["currentKubernetesVersion"]
    if not 0 <= agentpools.minor(target)[1] - agentpools.minor(current)[1] <= 1:
        raise change.invalid(
            f"Upgrading Kubernetes version {current} to {target} is not allowed.", "OperationNotAllowed"
        )


def _network_is_sound(change: Change) -> None:
    """Source: AKS networking: ranges apart from the network's, DNS address inside services, Cilium on Azure CNI."""
    profile = change.get("properties.networkProfile") or {}
    service, pods, dns = (profile.get(key) for key in ("serviceCidr", "podCidr", "dnsServiceIP"))
    if service and dns and ip_address(dns) not in ip_network(service):
        raise change.invalid(f"dnsServiceIP {dns} is not inside serviceCidr {service}.", "InvalidDNSServiceIP")
    if service and pods and ip_network(service).overlaps(ip_network(pods)):
        raise change.invalid(f"podCidr {pods} overlaps serviceCidr {service}.", "PodCidrOverlapsServiceCidr")
    if profile.get("networkDataplane") == "cilium" and profile.get("networkPlugin") != "azure":
        raise change.invalid("networkDataplane cilium needs networkPlugin azure.", "InvalidNetworkDataplane")
    for pool in _inline(change):
        subnet = change.world.find(pool.get("properties.vnetSubnetID") or "")
        vnet = None if subnet is None else change.world.find(subnet.path.parent or "")
        if subnet is None or vnet is None:
            continue
        for cidr in (service, pods):
            if cidr and any(ip_network(cidr).overlaps(ip_network(space)) for space in space_of(vnet)):
                raise change.invalid(
                    f"The range {cidr} overlaps the address space of {vnet.id}.",
                    "ServiceCidrOverlapExistingSubnetsCidr",
                )
        if profile.get("outboundType") == "userAssignedNATGateway" and not subnet.properties.get("natGateway"):
            raise change.invalid(
                f"outboundType userAssignedNATGateway needs a NAT gateway on subnet {subnet.id}.",
                "SubnetWithoutNATGateway",
            )


def _sign_in_is_sound(change: Change) -> None:
    """Source: AKS documentation: local accounts, OIDC issuer, workload identity, API server access."""
    if change.get("properties.disableLocalAccounts") and not change.get("properties.aadProfile.managed"):
        raise change.invalid("disableLocalAccounts requires a managed aadProfile.")
    issuer = change.get("properties.oidcIssuerProfile.enabled")
    if change.earlier("properties.oidcIssuerProfile.enabled") and not issuer:
        raise change.invalid("The OIDC issuer cannot be disabled.", "OIDCIssuerCannotBeDisabled")
    if change.get("properties.securityProfile.workloadIdentity.enabled") and not issuer:
        raise change.invalid("Workload identity requires the OIDC issuer.", "WorkloadIdentityRequiresOIDCIssuer")
    access = change.get("properties.apiServerAccessProfile") or {}
    if access.get("enablePrivateCluster") and access.get("authorizedIPRanges"):
        raise change.invalid("authorizedIPRanges are not possible on a private cluster.", "InvalidAuthorizedIPRanges")


def _cluster_outputs(change: Change) -> dict[str, Any]:
    region, tenant = change.body["location"], change.world.settings.tenant_id
    prefix = change.get("properties.dnsPrefix") or change.get("properties.fqdnSubdomain")
    host = f"{prefix}-{change.fact('host')[:8]}"
    nodes = change.get("properties.nodeResourceGroup") or f"MC_{change.id.group}_{change.name}_{region}"[:80]
    shown: dict[str, Any] = {
        "fqdn": f"{host}.hcp.{region}.azmk8s.io",
        "azurePortalFQDN": f"{host}.portal.hcp.{region}.azmk8s.io",
        "currentKubernetesVersion": agentpools.full_version(change, change.get("properties.kubernetesVersion")),
        "nodeResourceGroup": nodes,
        "powerState": {"code": "Running"},
        "maxAgentPools": 100,
        "resourceUID": change.fact("resourceUID"),
        "identityProfile": {"kubeletidentity": _kubelet(change, nodes)},
    }
    if change.get("properties.oidcIssuerProfile.enabled"):
        own = f"https://{region}.oic.prod-aks.azure.com/{tenant}/{change.fact('issuer')}/"
        shown["oidcIssuerProfile"] = {"issuerURL": change.world.settings.oidc_issuer or own}
    if change.get("properties.apiServerAccessProfile.enablePrivateCluster"):
        zone = change.get("properties.apiServerAccessProfile.privateDNSZone") or "system"
        generated = f"{change.fact('zone')}.privatelink.{region}.azmk8s.io"
        shown["privateFQDN"] = f"{host}.{zone.rsplit('/', 1)[-1] if zone.startswith('/') else generated}"
    if change.get("properties.ingressProfile.webAppRouting.enabled"):
        shown["ingressProfile"] = {"webAppRouting": {"identity": _routing(change, nodes)}}
    return {"properties": shown}


def _routing(change: Change, nodes: str) -> dict[str, str]:
    """The identity of the application-routing add-on, which AKS makes in the node resource group.

    Source: AKS documentation, "Azure Kubernetes Service application routing add-on": it reads certificates with it.
    """
    return {
        "resourceId": f"{_identities_of(change, nodes)}/webapprouting-{change.name}",
        "clientId": change.fact("routingClientId"),
        "objectId": change.fact("routingObjectId"),
    }


def _kubelet(change: Change, nodes: str) -> dict[str, str]:
    """The given kubelet identity, or the one that AKS makes in the node resource group."""
    text = change.get("properties.identityProfile.kubeletidentity.resourceId")
    identity = change.world.find(parse(text)) if text else None
    if identity is not None:
        found = identity.properties
        return {"resourceId": identity.id, "clientId": found["clientId"], "objectId": found["principalId"]}
    return {
        "resourceId": text or f"{_identities_of(change, nodes)}/{change.name}-agentpool",
        "clientId": change.fact("kubeletClientId"),
        "objectId": change.fact("kubeletObjectId"),
    }


def _identities_of(change: Change, nodes: str) -> str:
    """Where AKS makes identities of its own."""
    return f"/subscriptions/{change.id.subscription}/resourceGroups/{nodes}/providers/{USER_ASSIGNED_IDENTITY.type}"


def _pools(change: Change) -> list[tuple[str, str, dict[str, Any]]]:
    return [(pool.id.text, POOL, pool.body) for pool in _inline(change)]


def _cluster_view(world: World, cluster: Resource) -> dict[str, Any]:
    pools = [{"name": pool.name, **pool.properties} for pool in world.children(cluster.key, POOL)]
    return {"properties": {"agentPoolProfiles": pools}}


def _user_credential(world: World, cluster: Resource) -> dict[str, Any]:
    path = world.settings.kubeconfig
    if path is None or not path.is_file():
        raise ArmError(
            404,
            "KubeconfigNotFound",
            f"No kubeconfig for '{cluster.id}': give --cluster-kubeconfig a file that exists.",
        )
    return {"kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(path.read_bytes()).decode()}]}


def _admin_credential(world: World, cluster: Resource) -> dict[str, Any]:
    if cluster.properties.get("disableLocalAccounts"):
        raise ArmError(
            400,
            "BadRequest",
            "Getting static credential is not allowed because this cluster is set to disable local accounts.",
        )
    return _user_credential(world, cluster)


def _window_is_given(change: Change) -> None:
    """Source: AKS planned maintenance: `default` has week days, the two schedules have a window."""
    wanted = "maintenanceWindow" if change.name in SCHEDULES else "timeInWeek"
    if change.properties.get(wanted) is None:
        raise change.invalid(f"The maintenance configuration '{change.name}' needs '{wanted}'.")


SPECS = (
    TypeSpec(
        type=CLUSTER,
        source=agentpools.SOURCE,
        api_versions=VERSIONS,
        name=Name(
            pattern=r"[A-Za-z0-9]([\w-]{0,61}[A-Za-z0-9])?",
            rule="1-63 letters, digits, _ and -, first and last a letter or digit.",
            refusal=Refusal(400, "InvalidParameter", "The value of parameter resourceName '{name}' is invalid. {rule}"),
        ),
        long_running=LONG_RUNNING,
        fields=(
            Field("sku.name", one_of=("Base", "Automatic")),
            Field("sku.tier", one_of=("Free", "Standard", "Premium")),
            Field("identity.type", one_of=("SystemAssigned", "UserAssigned", "None")),
            Field(
                "properties.dnsPrefix",
                required=True,
                pattern=r"[A-Za-z0-9]([A-Za-z0-9-]{0,52}[A-Za-z0-9])?",
                fixed=FIXED,
            ),
            Field("properties.kubernetesVersion", pattern=r"\d+\.\d+(\.\d+)?"),
            Field("properties.nodeResourceGroup", between=(1, 80), fixed=FIXED),
            Field("properties.enableRBAC", kind="boolean", default=True, fixed=FIXED),
            Field("properties.disableLocalAccounts", kind="boolean"),
            Field("properties.agentPoolProfiles", kind="list"),
            Field("properties.agentPoolProfiles[].name", required=True),
            Field("properties.networkProfile.networkPlugin", one_of=("azure", "kubenet", "none")),
            Field("properties.networkProfile.networkPluginMode", one_of=("overlay",)),
            Field("properties.networkProfile.networkDataplane", one_of=("azure", "cilium")),
            Field("properties.networkProfile.networkPolicy", one_of=("azure", "calico", "cilium", "none")),
            Field("properties.networkProfile.podCidr", kind="cidr"),
            Field("properties.networkProfile.serviceCidr", kind="cidr"),
            Field("properties.networkProfile.dnsServiceIP", kind="address"),
            Field(
                "properties.networkProfile.outboundType",
                one_of=(
                    "loadBalancer",
                    "userDefinedRouting",
                    "managedNATGateway",
                    "userAssignedNATGateway",
                    "none",
                    "block",
                ),
            ),
            Field("properties.networkProfile.loadBalancerSku", one_of=("standard", "basic"), fixed=FIXED),
            *(Field(f"properties.networkProfile.{member}", fixed=FIXED) for member in NETWORK_MEMBERS),
            Field("properties.aadProfile.adminGroupObjectIDs[]", kind="guid"),
            Field("properties.aadProfile.enableAzureRBAC", kind="boolean"),
            Field("properties.apiServerAccessProfile.enablePrivateCluster", kind="boolean", fixed=FIXED),
            Field("properties.apiServerAccessProfile.authorizedIPRanges[]", kind="cidr"),
            Field(
                "properties.autoUpgradeProfile.upgradeChannel",
                one_of=("rapid", "stable", "patch", "node-image", "none"),
            ),
            Field(
                "properties.autoUpgradeProfile.nodeOSUpgradeChannel",
                one_of=("None", "Unmanaged", "NodeImage", "SecurityPatch"),
            ),
            Field("properties.addonProfiles{}.enabled", kind="boolean", required=True),
        ),
        references=(
            Reference("properties.addonProfiles.omsagent.config.logAnalyticsWorkspaceResourceID", (WORKSPACE,)),
            Reference(
                "properties.identityProfile.kubeletidentity.resourceId", (USER_ASSIGNED_IDENTITY.type,), holds=True
            ),
        ),
        checks=(
            _has_an_identity,
            _version_moves_one_step,
            _pools_are_sound,
            _network_is_sound,
            _sign_in_is_sound,
            _identity_has_its_roles,
        ),
        outputs=_cluster_outputs,
        view=_cluster_view,
        seeds=_pools,
        busy=Busy(key=lambda path: path.key, refusal=CLUSTER_BUSY),
        actions={
            "listClusterUserCredential": _user_credential,
            "listClusterAdminCredential": _admin_credential,
        },
    ),
    AGENT_POOL,
    TypeSpec(
        type=MAINTENANCE,
        source="AKS planned maintenance: the three configuration names, 4-24 hours",
        api_versions=VERSIONS,
        name=Name(
            pattern="default|aksManagedAutoUpgradeSchedule|aksManagedNodeOSUpgradeSchedule",
            rule="default, aksManagedAutoUpgradeSchedule or aksManagedNodeOSUpgradeSchedule.",
            refusal=Refusal(400, "InvalidParameter", "The maintenance configuration name '{name}' is invalid: {rule}"),
        ),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        fields=(
            Field("properties.maintenanceWindow.schedule", kind="object", required=True),
            Field("properties.maintenanceWindow.durationHours", kind="integer", required=True, between=(4, 24)),
            Field("properties.maintenanceWindow.startTime", required=True, pattern=r"([01]\d|2[0-3]):[0-5]\d"),
            Field("properties.maintenanceWindow.utcOffset", pattern=r"[+-](0\d|1[0-4]):[0-5]\d"),
        ),
        checks=(_window_is_given,),
        parent_busy=CLUSTER_BUSY,
    ),
)
