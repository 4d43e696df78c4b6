"""When an object is ready, kind by kind: rules over the live object and what the server says about its relatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.plugins.kubernetes import quantities

Object = Mapping[str, Any]
# Reads an object or list at a URL path with a query; None when there is none.
Fetch = Callable[[str, Mapping[str, str] | None], dict[str, Any] | None]


@dataclass(frozen=True)
class Verdict:
    """`reasons` say what is missing; `failed` means that waiting longer cannot help."""

    reasons: list[str] = field(default_factory=list)
    failed: bool = False

    @property
    def ready(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class Rule:
    """`pods`: readiness depends on something that runs on a node. `recovers`: a failure may still pass by itself."""

    judge: Callable[[Object, Fetch], Verdict]
    pods: bool = False
    recovers: bool = False


def _condition(obj: Object, kind: str) -> Object:
    for entry in (obj.get("status") or {}).get("conditions") or []:
        if entry.get("type") == kind:
            return entry
    return {}


def _needs(*pairs: tuple[bool, str]) -> Verdict:
    return Verdict([reason for met, reason in pairs if not met])


def _observed(obj: Object) -> tuple[bool, str]:
    seen = (obj.get("status") or {}).get("observedGeneration", 0)
    return seen >= obj["metadata"].get("generation", 0), "the controller has not seen the latest change yet"


def _deployment(obj: Object, _: Fetch) -> Verdict:
    status, wanted = obj.get("status") or {}, obj["spec"].get("replicas", 1)
    progressing, (observed, unobserved) = _condition(obj, "Progressing"), _observed(obj)
    if observed and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Verdict([f"Deployment: {progressing.get('message')}"], failed=True)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    return _needs(
        (observed, unobserved),
        (updated >= wanted, f"{updated} of {wanted} pods are of the new version"),
        (status.get("replicas", 0) <= updated, "pods of the old version are still there"),
        (available >= wanted, f"{available} of {wanted} pods are available"),
    )


def _stateful_set(obj: Object, _: Fetch) -> Verdict:
    status, spec = obj.get("status") or {}, obj["spec"]
    wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy") or {}
    waits = [_observed(obj), (status.get("readyReplicas", 0) >= wanted, f"fewer than {wanted} pods are ready")]
    if strategy.get("type") != "OnDelete":
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        updated, target = status.get("updatedReplicas", 0), max(wanted - partition, 0)
        waits.append((updated >= target, f"{updated} of {target} pods are of the new version"))
    return _needs(*waits)


def _daemon_set(obj: Object, _: Fetch) -> Verdict:
    status = obj.get("status") or {}
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    return _needs(
        _observed(obj),
        (updated >= wanted, f"{updated} of {wanted} pods are of the new version"),
        (available >= wanted, f"{available} of {wanted} pods are available"),
    )


def _replication_controller(obj: Object, _: Fetch) -> Verdict:
    wanted, available = obj["spec"].get("replicas", 1), (obj.get("status") or {}).get("availableReplicas", 0)
    return _needs((available >= wanted, f"{available} of {wanted} pods are available"))


def _job(obj: Object, _: Fetch) -> Verdict:
    failed = _condition(obj, "Failed")
    if failed.get("status") == "True":
        return Verdict([f"Job failed: {failed.get('reason')}: {failed.get('message')}"], failed=True)
    return _needs((_condition(obj, "Complete").get("status") == "True", "the Job has not completed"))


def _pod(obj: Object, _: Fetch) -> Verdict:
    phase = (obj.get("status") or {}).get("phase")
    if phase == "Failed":
        return Verdict(["the Pod failed"], failed=True)
    ready = phase == "Succeeded" or _condition(obj, "Ready").get("status") == "True"
    return _needs((ready, f"the Pod is {phase}, not ready"))


def _balanced(obj: Object) -> bool:
    return bool(((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress"))


def _has_endpoints(namespace: str, service: str, fetch: Fetch) -> bool:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    slices = fetch(path, {"labelSelector": f"kubernetes.io/service-name={service}"}) or {}
    endpoints = [entry for item in slices.get("items") or [] for entry in item.get("endpoints") or []]
    return any((entry.get("conditions") or {}).get("ready") is not False for entry in endpoints)


def _service(obj: Object, fetch: Fetch) -> Verdict:
    spec, meta = obj["spec"], obj["metadata"]
    waits = []
    if spec.get("type") == "LoadBalancer":
        waits.append((_balanced(obj), "the Service has no address from a load balancer"))
    if spec.get("selector") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        waits.append((_has_endpoints(meta["namespace"], meta["name"], fetch), "the Service selects no ready pod"))
    return _needs(*waits)


def _ingress(obj: Object, fetch: Fetch) -> Verdict:
    namespace = obj["metadata"]["namespace"]
    paths = [path for rule in obj["spec"].get("rules") or [] for path in (rule.get("http") or {}).get("paths") or []]
    names = sorted({(path["backend"].get("service") or {}).get("name") or "" for path in paths} - {""})
    waits = [(_balanced(obj), "the Ingress has no address from its controller")]
    for name in names:
        service = fetch(f"/api/v1/namespaces/{namespace}/services/{name}", None) or {}
        outside = (service.get("spec") or {}).get("type") == "ExternalName"
        waits.append((outside or _has_endpoints(namespace, name, fetch), f"its Service {name} has no ready pod"))
    return _needs(*waits)


def _claim(obj: Object, fetch: Fetch) -> Verdict:
    phase, name = (obj.get("status") or {}).get("phase"), obj["spec"].get("storageClassName")
    kind = fetch(f"/apis/storage.k8s.io/v1/storageclasses/{name}", None) if name else None
    late = (kind or {}).get("volumeBindingMode") == "WaitForFirstConsumer"
    return _needs((phase == "Bound" or (late and phase == "Pending"), f"the claim is {phase}, not Bound"))


def _volume(obj: Object, _: Fetch) -> Verdict:
    phase = (obj.get("status") or {}).get("phase")
    return _needs((phase in ("Available", "Bound"), f"the volume is {phase}"))


def _quota(obj: Object, _: Fetch) -> Verdict:
    wanted, counted = obj["spec"].get("hard") or {}, (obj.get("status") or {}).get("hard") or {}
    same = wanted.keys() == counted.keys() and all(quantities.same(wanted[key], counted[key]) for key in wanted)
    return _needs((same, "the quota is not counted yet"))


def _secret(obj: Object, _: Fetch) -> Verdict:
    filled = obj.get("type") != "kubernetes.io/service-account-token" or bool(obj.get("data"))
    return _needs((filled, "no token was issued: does its ServiceAccount exist?"))


def _definition(obj: Object, _: Fetch) -> Verdict:
    refused = _condition(obj, "NamesAccepted")
    if refused.get("status") == "False":
        return Verdict([f"the names are not accepted: {refused.get('message')}"], failed=True)
    return _needs((_condition(obj, "Established").get("status") == "True", "the definition is not established"))


_RULES: Mapping[tuple[str, str], Rule] = {
    ("apps", "Deployment"): Rule(_deployment, pods=True, recovers=True),
    ("apps", "StatefulSet"): Rule(_stateful_set, pods=True),
    ("apps", "DaemonSet"): Rule(_daemon_set, pods=True),
    ("", "ReplicationController"): Rule(_replication_controller, pods=True),
    ("batch", "Job"): Rule(_job, pods=True),
    ("", "Pod"): Rule(_pod, pods=True),
    ("", "Service"): Rule(_service, pods=True),
    ("networking.k8s.io", "Ingress"): Rule(_ingress, pods=True),
    ("", "PersistentVolumeClaim"): Rule(_claim, pods=True),
    ("", "PersistentVolume"): Rule(_volume),
    ("", "ResourceQuota"): Rule(_quota),
    ("", "Secret"): Rule(_secret),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Rule(_definition),
}


def rule_of(obj: Object) -> Rule | None:
    """The rule of an object's kind; None where existing is enough."""
    return _RULES.get((str(obj["apiVersion"]).rpartition("/")[0], str(obj["kind"])))
