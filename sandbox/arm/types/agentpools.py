"""Microsoft.ContainerService/managedClusters/agentPools: what holds for a pool, inline in a cluster or on its own."""

from __future__ import annotations

from typing import Any

from sandbox.arm.change import Change, Removal
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.paths import parse
from sandbox.arm.resource import Resource
from sandbox.arm.spec import LONG_RUNNING, Location, Name, Reference, Scope, TypeSpec
from sandbox.arm.types.authorization import may
from sandbox.arm.types.network import SUBNET
from sandbox.arm.world import World

VERSIONS = ("2025-09-01", "2025-05-01", "2025-10-01", "2026-01-01")
CLUSTER = "Microsoft.ContainerService/managedClusters"
POOL = "Microsoft.ContainerService/managedClusters/agentPools"
JOIN = "Microsoft.Network/virtualNetworks/subnets/join/action"

FIXED = Refusal(400, "PropertyChangeNotAllowed", "Changing property '{path}' of '{name}' is not allowed.")
CLUSTER_BUSY = Refusal(
    409,
    "OperationNotAllowed",
    "Operation is not allowed because there's an in progress operation on the managed cluster '{name}'. Please wait "
    "until it has finished and try again.",
)
NO_SYSTEM_POOL = "There has to be at least one system agent pool."

# Source: AKS supported Kubernetes versions: minor and the patch that a new cluster of it gets.
PATCHES = {"1.33": "1.33.7", "1.34": "1.34.4", "1.35": "1.35.2", "1.36": "1.36.0"}


def minor(version: str) -> tuple[int, int]:
    major, second = version.split(".")[:2]
    return int(major), int(second)


def full_version(change: Change, version: str | None) -> str:
    """The patch version that a cluster or pool gets. Raises K8sVersionNotSupported."""
    wanted = version or "1.35"
    found = PATCHES.get(".".join(wanted.split(".")[:2]))
    if found is None or (wanted.count(".") == 2 and wanted != found):
        offered = ", ".join([*PATCHES, *PATCHES.values()])
        raise change.invalid(
            f"Version {wanted} is not supported in this region. Supported: {offered}.", "K8sVersionNotSupported"
        )
    return found


def may_join(world: World, principals: list[str], subnet: str) -> bool:
    return any(may(world, principal, JOIN, parse(subnet)) for principal in principals)


def control_principals(body: dict[str, Any]) -> list[str]:
    """Principal ids of a cluster's own identities."""
    identity = body.get("identity") or {}
    assigned = [found["principalId"] for found in (identity.get("userAssignedIdentities") or {}).values() if found]
    return [*assigned, *([identity["principalId"]] if identity.get("principalId") else [])]


def _scale_is_sound(change: Change) -> None:
    """Source: cluster autoscaler on AKS: bounds only and always with autoscaling; a system pool keeps a node."""
    scaling = change.get("properties.enableAutoScaling")
    low, high = change.get("properties.minCount"), change.get("properties.maxCount")
    if scaling and (low is None or high is None or low > high):
        raise change.invalid(f"Autoscaling of pool '{change.name}' needs minCount <= maxCount, not {low} and {high}.")
    if not scaling and (low is not None or high is not None):
        raise change.invalid(f"minCount and maxCount of pool '{change.name}' need enableAutoScaling.")
    least = low if scaling else change.get("properties.count")
    if (change.get("properties.mode") or "User").lower() == "system" and least is not None and least < 1:
        raise change.invalid(f"The system pool '{change.name}' must have at least one node.")


def _version_follows_the_cluster(change: Change) -> None:
    """Source: AKS version skew: a pool is never newer than its control plane."""
    version, above = change.get("properties.orchestratorVersion"), change.id.parent
    cluster = None if above is None else change.world.find(above)
    if version is None:
        return
    full_version(change, version)
    if cluster is not None and minor(version) > minor(cluster.properties["currentKubernetesVersion"]):
        raise change.invalid(
            f"Node pool version {version} and control plane version {cluster.properties['currentKubernetesVersion']} "
            "are incompatible.",
            "NodePoolMcVersionIncompatible",
        )


def _cluster_may_join_the_subnet(change: Change) -> None:
    """Source: AKS with own network: the cluster's identity needs to join the subnet of each pool."""
    subnet, above = change.get("properties.vnetSubnetID"), change.id.parent
    cluster = None if above is None else change.world.store.resources.get(above.key)
    if cluster is not None and subnet and not may_join(change.world, control_principals(cluster.body), subnet):
        raise change.invalid(
            f"The cluster's identity must be allowed {JOIN} on subnet {subnet}.", "SubnetMissingPermission"
        )


def _one_system_pool_stays(removal: Removal) -> None:
    above = removal.target.path.parent
    assert above is not None
    others = [pool for pool in removal.world.children(above.key, POOL) if pool.key != removal.target.key]
    if not any(_is_system(pool) for pool in others):
        raise Refusal(400, "InvalidParameter", NO_SYSTEM_POOL).error()


def _a_system_pool_stays(change: Change) -> None:
    leaves = change.before is not None and _is_system(change.before) and not is_system(change.properties)
    if leaves and not any(_is_system(pool) for pool in change.siblings()):
        raise change.invalid(NO_SYSTEM_POOL)


def is_system(properties: dict[str, Any]) -> bool:
    return (properties.get("mode") or "User").lower() == "system"


def _is_system(pool: Resource) -> bool:
    return is_system(pool.properties)


def pool_outputs(change: Change) -> dict[str, Any]:
    """Defaults are those of the AKS API; the node image carries the date of a release."""
    above = change.id.parent
    cluster = None if above is None else change.world.find(above)
    version = change.get("properties.orchestratorVersion")
    current = cluster.properties.get("currentKubernetesVersion") if cluster is not None else None
    given = change.properties
    low = given.get("minCount")
    return {
        "properties": {
            "currentOrchestratorVersion": full_version(change, version) if version else current or PATCHES["1.35"],
            "nodeImageVersion": f"AKS{given.get('osSKU') or 'Ubuntu'}-gen2containerd-202611.01.0",
            "powerState": {"code": "Running"},
            "count": given.get("count") if given.get("count") is not None else (low if low is not None else 1),
        }
    }


SOURCE = "AKS documentation: node pools, system pools, autoscaler, version skew; facts-azure section A"

AGENT_POOL = TypeSpec(
    type=POOL,
    source=SOURCE,
    api_versions=VERSIONS,
    name=Name(
        pattern=r"[a-z][a-z0-9]{0,11}",
        rule="1-12 lower-case letters and digits, first a letter.",
        refusal=Refusal(400, "InvalidParameter", "The agent pool name '{name}' is invalid. {rule}"),
    ),
    scope=Scope.CHILD,
    location=Location.NONE,
    tags=False,
    long_running=LONG_RUNNING,
    fields=(
        Field("properties.vmSize", required=True, pattern=r"Standard_[A-Z]\w+", fixed=FIXED),
        Field("properties.mode", one_of=("System", "User"), default="User"),
        Field("properties.count", kind="integer", between=(0, 1000)),
        Field("properties.enableAutoScaling", kind="boolean"),
        Field("properties.minCount", kind="integer", between=(0, 1000)),
        Field("properties.maxCount", kind="integer", between=(0, 1000)),
        Field("properties.maxPods", kind="integer", between=(10, 250), fixed=FIXED),
        Field("properties.osType", one_of=("Linux", "Windows"), default="Linux", fixed=FIXED),
        Field(
            "properties.osSKU",
            one_of=("Ubuntu", "Ubuntu2204", "Ubuntu2404", "AzureLinux", "AzureLinux3", "Windows2022", "Windows2025"),
        ),
        Field("properties.osDiskType", one_of=("Managed", "Ephemeral"), fixed=FIXED),
        Field("properties.osDiskSizeGB", kind="integer", between=(0, 2048), fixed=FIXED),
        Field(
            "properties.type", one_of=("VirtualMachineScaleSets", "VirtualMachines"), default="VirtualMachineScaleSets"
        ),
        Field("properties.availabilityZones", kind="list", fixed=FIXED),
        Field("properties.availabilityZones[]", one_of=("1", "2", "3")),
        Field("properties.vnetSubnetID", fixed=FIXED),
        Field("properties.nodeLabels", kind="object"),
        Field(
            "properties.nodeTaints[]", pattern=r"[\w./-]{1,316}(=[\w.-]{0,63})?:(NoSchedule|PreferNoSchedule|NoExecute)"
        ),
        Field("properties.scaleSetPriority", one_of=("Regular", "Spot"), fixed=FIXED),
        Field("properties.scaleDownMode", one_of=("Delete", "Deallocate")),
        Field("properties.upgradeSettings.maxSurge", pattern=r"\d{1,3}%?"),
    ),
    references=(Reference("properties.vnetSubnetID", (SUBNET,), holds=True),),
    checks=(_scale_is_sound, _version_follows_the_cluster, _cluster_may_join_the_subnet, _a_system_pool_stays),
    delete_checks=(_one_system_pool_stays,),
    outputs=pool_outputs,
    parent_busy=CLUSTER_BUSY,
)
