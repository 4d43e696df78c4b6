"""What kinds the API server knows: plural name and scope of each, one request per group-version and process."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from urllib.parse import quote

from sandbox.plugins.kubernetes.transport import ApiError, ApiServer, UnreachableError

# Built-in kinds without a namespace, for a preview that cannot reach the server (`kubectl api-resources
# --namespaced=false`, Kubernetes 1.36).
_CLUSTER_SCOPED = frozenset(
    (
        *("Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "StorageClass", "CSIDriver"),
        *("CSINode", "VolumeAttachment", "VolumeAttributesClass", "IngressClass", "IPAddress", "ServiceCIDR"),
        *("PriorityClass", "RuntimeClass", "APIService", "CertificateSigningRequest", "ClusterTrustBundle"),
        *("CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
        *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"),
        *("ValidatingAdmissionPolicyBinding", "FlowSchema", "PriorityLevelConfiguration", "DeviceClass"),
    )
)


@dataclass(frozen=True)
class ResourceKind:
    """Where objects of one kind live."""

    api_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """URL path of the collection, or of one object."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{quote(namespace)}" if self.namespaced else ""
        return f"{root}{scope}/{self.plural}" + (f"/{quote(name)}" if name else "")


class Discovery:
    """Kinds by (apiVersion, kind). A kind that is missing is asked for again: its definition may come any moment."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], ResourceKind] = {}
        self._reachable: bool | None = None

    def find(self, api_version: str, kind: str) -> ResourceKind | None:
        """None when the server does not serve the kind; raises UnreachableError."""
        with self._lock:
            if (api_version, kind) not in self._known:
                self._load(api_version)
            return self._known.get((api_version, kind))

    def reachable(self) -> bool:
        """Whether the server answers at all; asked once per process."""
        with self._lock:
            if self._reachable is None:
                try:
                    self._api.call("GET", "/version")
                    self._reachable = True
                except ApiError:
                    self._reachable = True
                except UnreachableError:
                    self._reachable = False
            return self._reachable

    def namespaced(self, api_version: str, kind: str) -> bool:
        """Scope of a kind, also where the server is away or does not know it yet (then by the built-in list)."""
        found = self.find(api_version, kind) if self.reachable() else None
        return found.namespaced if found else kind not in _CLUSTER_SCOPED

    def _load(self, api_version: str) -> None:
        listed = self._api.get(f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}")
        for entry in (listed or {}).get("resources") or []:
            if "/" not in entry["name"]:
                key = (api_version, entry["kind"])
                self._known[key] = ResourceKind(api_version, entry["name"], entry["namespaced"])
