"""Which changed fields of an object force a new one.

Source: the published provider's table (provider/pkg/provider/diff.go of pulumi/pulumi-kubernetes, 2026). Kinds that
are not in it, custom resources among them, are replaced for a changed name or namespace only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.plugins.differences import Change
from sandbox.plugins.kubernetes.checkpoint import value_at
from sandbox.plugins.kubernetes.settings import Settings

# A path as a tuple; `*` stands for every position of a list.
Pattern = tuple[str, ...]

_IDENTITY: tuple[Pattern, ...] = (("kind",), ("metadata", "name"), ("metadata", "namespace"))
_POD_FIELDS = (
    *("affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases"),
    *("hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName", "nodeSelector", "overhead"),
    *("preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName"),
    *("schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "shareProcessNamespace"),
    *("subdomain", "terminationGracePeriodSeconds", "volumes"),
)
_CONTAINER_FIELDS = (
    *("args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe"),
    *("resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy"),
    *("tty", "volumeDevices", "volumeMounts", "workingDir"),
)
_VOLUME_SOURCES = (
    *("awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker"),
    *("gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk", "portworxVolume"),
    *("quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
)


def _spec(*fields: str) -> tuple[Pattern, ...]:
    return tuple(("spec", field) for field in fields)


_BY_KIND: Mapping[tuple[str, str], tuple[Pattern, ...]] = {
    ("apps", "DaemonSet"): _spec("selector"),
    ("apps", "Deployment"): _spec("selector"),
    ("apps", "StatefulSet"): _spec(
        *("podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates")
    ),
    ("batch", "Job"): _spec("completions", "parallelism", "selector", "template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (("roleRef",),),
    ("rbac.authorization.k8s.io", "RoleBinding"): (("roleRef",),),
    ("storage.k8s.io", "StorageClass"): (("parameters",), ("provisioner",)),
    ("", "PersistentVolume"): _spec(*_VOLUME_SOURCES),
    ("", "PersistentVolumeClaim"): _spec("accessModes", "selector", "storageClassName", "volumeName"),
    ("", "Pod"): (
        *_spec(*_POD_FIELDS),
        *(("spec", kind, "*", name) for kind in ("containers", "initContainers") for name in _CONTAINER_FIELDS),
    ),
    ("", "ResourceQuota"): _spec("scopes"),
    ("", "Secret"): (("type",),),
    ("", "Service"): _spec("clusterIP"),
}


def patterns(obj: Mapping[str, Any], settings: Settings) -> tuple[Pattern, ...]:
    """The forcing fields of the wanted object. Data of ConfigMaps and Secrets forces, unless set mutable."""
    group, _, _ = str(obj.get("apiVersion", "")).rpartition("/")
    kind = str(obj.get("kind", ""))
    found = _IDENTITY + _BY_KIND.get((group, kind), ())
    fixed = obj.get("immutable") is True
    if (group, kind) == ("", "Secret") and (fixed or not settings.secret_mutable):
        found += (("data",), ("stringData",))
    if (group, kind) == ("", "ConfigMap") and (fixed or not settings.config_map_mutable):
        found += (("data",), ("binaryData",))
    return found


def forces(change: Change, new: Any, found: tuple[Pattern, ...]) -> bool:
    """Whether the change touches a forcing field; `new` is the whole wanted object."""
    return any(_touches(change, new, pattern) for pattern in found)


def _touches(change: Change, new: Any, pattern: Pattern) -> bool:
    shared = zip(change.path, pattern, strict=False)
    if not all(part == wanted or (wanted == "*" and isinstance(part, int)) for part, wanted in shared):
        return False
    if len(change.path) >= len(pattern):
        return True
    # A whole branch was added above the field: it forces when the branch contains the field.
    return change.kind != "DELETE" and _contains(value_at(new, change.path), pattern[len(change.path) :])


def _contains(value: Any, pattern: Pattern) -> bool:
    if not pattern:
        return value is not None
    if pattern[0] == "*":
        return isinstance(value, list) and any(_contains(item, pattern[1:]) for item in value)
    return isinstance(value, Mapping) and _contains(value.get(pattern[0]), pattern[1:])
